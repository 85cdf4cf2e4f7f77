"""What SQLite needs to be used by several processes, and to be read without leaving a trace."""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, event

_LOCK_WAIT_S = 10


def file_of(url: URL) -> Path | None:
    """Return the file of an SQLite database; None for one in memory, and for other databases."""
    name = url.database or ":memory:"
    if url.get_backend_name() != "sqlite" or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(name)


def create(path: Path) -> None:
    """Make the file if it is not there, for its owner alone. Raises `OSError`."""
    # SQLite would make it readable by others, and its journals take the mode of the file.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def read_only(url: URL, path: Path) -> URL:
    """Return the URL by which SQLite reads the file and writes nothing, neither to it nor to its journals."""
    query = {"uri": "true", "mode": "ro"}
    if not Path(f"{path}-wal").exists():
        # Nobody has it open; SQLite would make the journals to lock it.
        query["immutable"] = "1"
    elif Path(f"{path}-shm").exists():
        # A reader would note in the shared memory how far it has read; SQLite does without.
        query["readonly_shm"] = "1"
    return url.set(database=path.absolute().as_uri(), query=query)


def begin_explicitly(engine: Engine) -> None:
    """Have transactions begin where SQLAlchemy begins them, DDL included: with the option `sqlite_begin`, or plainly.

    A transaction that will write begins IMMEDIATE: one that has read cannot wait for another writer any more.
    """
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin)


def share(engine: Engine) -> None:
    """Have a writer in one process (`keys create`) neither wait for nor stop the readers in another (`up`)."""
    event.listen(engine, "connect", _keep_a_log)


def _leave_transactions_to_us(connection: Any, _record: object) -> None:
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', '')}")


def _keep_a_log(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout={_LOCK_WAIT_S * 1000}")
    connection.execute("PRAGMA journal_mode=WAL")
