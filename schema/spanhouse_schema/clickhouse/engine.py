"""The embedded engine: how chDB is configured and opened."""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from threading import get_ident
from xml.sax.saxutils import escape

from chdb.state.sqlitelike import Connection as EngineConnection

from spanhouse_schema.clickhouse._driver_private import build_connection_string
from spanhouse_schema.clickhouse.holder import holder_of
from spanhouse_schema.errors import DatabaseBusy

# Everything but SOURCES: no statement reads a file, a URL or another database through a table function
# (`INSERT … FROM INFILE`, which the loader uses, is not one), and of SYSTEM only what refreshes and merges.
_GRANTS = (
    "GRANT SHOW, SELECT, INSERT, ALTER, CREATE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, CHECK ON *.*",
    "GRANT KILL QUERY, dictGet ON *.*",
    "GRANT SYSTEM VIEWS, SYSTEM MERGES, SYSTEM TTL MERGES ON *.*",
    # The SQL door asks which row filters are in force.
    "GRANT SHOW ROW POLICIES ON *.*",
)

# A file that is read by pread takes a buffer of memory; chDB would map it, and take as much as the file is long.
_USERS = """<clickhouse>
  <profiles>
    <default>
      <max_memory_usage>{memory}</max_memory_usage>
      <storage_file_read_method>pread</storage_file_read_method>
    </default>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password></password>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>{grants}</grants>
      <databases>{row_filters}</databases>
    </default>
  </users>
</clickhouse>
"""

_ROW_FILTERS = "row_filters.xml"

# A system log table exists when the configuration names it; none is named, so that none grows.
_CONFIG = """<clickhouse>
  <users_config>{users}</users_config>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
</clickhouse>
"""


def configure(data_dir: Path, memory_bytes: int) -> str:
    """Write the engine's configuration into `data_dir`, and return the chDB connection string that uses it.

    The engine's own files are in `data_dir/engine`; it may use `memory_bytes` at most, and one statement three quarters
    of that. Raises `DatabaseBusy` when another process holds them.
    """
    store, config = data_dir / "engine", data_dir / "engine-config"
    holder = holder_of(store)
    if holder is not None:
        # Before the engine finds out: it would print its own account of it.
        raise DatabaseBusy(_held(store, holder))
    for directory in (data_dir, store, config):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    users = config / "users.xml"
    grants = "".join(f"<query>{grant}</query>" for grant in _GRANTS)
    kept = config / _ROW_FILTERS
    row_filters = kept.read_text() if kept.exists() else ""
    # So that a large query leaves room for an INSERT, and an INSERT that fails alone says that it is its own fault.
    users.write_text(_USERS.format(grants=grants, memory=memory_bytes * 3 // 4, row_filters=row_filters))
    main = config / "config.xml"
    main.write_text(_CONFIG.format(users=escape(str(users.resolve())), memory=memory_bytes))
    return build_connection_string(str(store), {"config-file": str(main.resolve())})


def keep_row_filters(data_dir: Path, row_filters: str) -> bool:
    """Keep these row filters for the next time that the engine is opened; whether they are others than before."""
    file = data_dir / "engine-config" / _ROW_FILTERS
    if file.exists() and file.read_text() == row_filters:
        return False
    _replace(file, row_filters)
    return True


def keep_schema(data_dir: Path, settings: Mapping[str, str | int]) -> dict[str, str | int]:
    """The settings of a statement, with a format schema given as text replaced by a file that holds it.

    Given as text, chDB writes it into `__cache__` in whatever directory the process was started in.
    The file is named by its content, so the same text is the same file, at every replay.
    """
    if settings.get("format_schema_source") != "string":
        return dict(settings)
    text = str(settings["format_schema"])
    file = data_dir / "engine-config" / f"{sha256(text.encode()).hexdigest()[:16]}.proto"
    # Not only when it is missing: a crash of the machine may have left it empty.
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        _replace(file, text)
    return {**settings, "format_schema_source": "file", "format_schema": str(file.resolve())}


def _replace(file: Path, text: str) -> None:
    whole = file.with_suffix(f".{os.getpid()}.{get_ident()}")
    whole.write_text(text, encoding="utf-8")
    whole.replace(file)


def open_engine(connection_string: str) -> EngineConnection:
    """One connection to the engine, with session state (`SET`, `USE`) of its own.

    Raises `DatabaseBusy` when another process holds the directory.
    """
    try:
        return EngineConnection(connection_string)
    except RuntimeError as error:
        raise DatabaseBusy(_explain(connection_string.split("?", maxsplit=1)[0], str(error))) from error


def _explain(store: str, reason: str) -> str:
    holder = holder_of(Path(store))
    if holder is None:
        return f"the embedded database in {store} cannot be opened: {reason.strip()}"
    return _held(Path(store), holder)


def _held(store: Path, holder: int) -> str:
    return (
        f"the embedded database in {store} is already open in process {holder}; "
        "use `spanhouse sql`, which goes through it, or stop that process first"
    )
