"""Rows of ClickHouse as columns in this process, and back, as Arrow."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile

import polars as pl

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.clickhouse.database import Session

_FORMAT = "ArrowStream"
# A file there, of its own name and which nobody else may read, is in memory.
_MEMORY = Path("/dev/shm")  # noqa: S108  # see above
# The views behind an INSERT read its one block: to optimize their plans takes longer than they do.
_INSERT_SETTINGS = {"query_plan_enable_optimizations": 0}
# Little of much is read: to share that among threads costs more than to read it.
_ONE_THREAD = "SETTINGS max_threads = 1"
# A name may be any bytes.
SETTINGS = {"output_format_arrow_string_as_string": 0}
"""What a session needs for `read`."""


def read(session: Session, step: str, parameters: Mapping[str, str] | None = None) -> pl.DataFrame:
    """Return the rows of the query `sql/settle/<step>.sql`; texts are bytes, and times are in UTC.

    Raises `DatabaseError`.
    """
    (query,) = sql_files.step(step)
    return select(session, query, parameters)


def select(session: Session, query: str, parameters: Mapping[str, str] | None = None) -> pl.DataFrame:
    """Return the rows of a query, as `read` does. Raises `DatabaseError`."""
    rows = pl.read_ipc_stream(BytesIO(session.text(f"{query}\n{_ONE_THREAD}", _FORMAT, parameters)))
    return rows.with_columns(pl.selectors.datetime().dt.convert_time_zone("UTC"))


def insert(session: Session, table: str, rows: pl.DataFrame) -> None:
    """Insert rows, in the columns that they have, as one block. Raises `DatabaseError`."""
    if rows.is_empty():
        return
    columns = ", ".join(rows.columns)
    with NamedTemporaryFile(dir=_MEMORY if _MEMORY.is_dir() else None) as file:
        rows.rechunk().write_ipc_stream(file.name, compat_level=pl.CompatLevel.oldest())
        session.insert(f"{table} ({columns})", Path(file.name), _FORMAT, _INSERT_SETTINGS)


def refill(session: Session, table: str, rows: pl.DataFrame) -> None:
    """Put these rows into a table of the session, in the place of those in it. Raises `DatabaseError`."""
    session.command(f"TRUNCATE TABLE {table}")
    insert(session, table, rows)
