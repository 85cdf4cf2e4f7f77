"""The embedded engine: how chDB is configured and opened."""

import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import get_ident
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from spanhouse_schema.clickhouse.holder import holder_of
from spanhouse_schema.errors import DatabaseBusy, NoDatabase

if TYPE_CHECKING:
    from chdb.state.sqlitelike import Connection as EngineConnection

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

# A system log table exists when the configuration names it; none is named, so that none grows.
_CONFIG = """<clickhouse>
  <users_config>users.xml</users_config>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
</clickhouse>
"""

_FOLDER = "engine-config"
_CONFIG_FILE, _USERS_FILE, _ROW_FILTERS = "config.xml", "users.xml", "row_filters.xml"

# Where nobody says.
_MEMORY_BYTES = 4 * 1024**3


def configure(data_dir: Path, memory_bytes: int | None) -> None:
    """Write the engine's configuration into `data_dir`, making the directories that it names.

    The engine's own files are in `data_dir/engine`; it may use `memory_bytes` at most, and one statement three quarters
    of that. None leaves that as it was. Raises `DatabaseBusy` when another process holds them.
    """
    _refuse_when_held(data_dir)
    for directory in (data_dir, data_dir / "engine", data_dir / _FOLDER):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(data_dir, memory_bytes or _memory(data_dir))


def is_made(data_dir: Path) -> bool:
    """Return whether there is an engine in `data_dir`."""
    return (data_dir / _FOLDER / _CONFIG_FILE).exists()


@contextmanager
def connection_string(data_dir: Path) -> Generator[str]:
    """Give the chDB connection string of the engine in `data_dir`, as it is configured; it holds within the block.

    Raises `NoDatabase` where there is none, `DatabaseBusy` when another process holds it.
    """
    config = data_dir / _FOLDER
    if not is_made(data_dir):
        raise NoDatabase(
            f"there is no database in {data_dir}: `spanhouse up` makes one; name its data directory with --data-dir"
        )
    _refuse_when_held(data_dir)
    # It loads the engine: see open_engine.
    from spanhouse_schema.clickhouse._driver_private import build_connection_string  # noqa: PLC0415

    text = (config / _CONFIG_FILE).read_text()
    users = escape(str((config / _USERS_FILE).resolve()))
    # The engine wants the users' file by its whole path. That stays out of the data directory, which may be moved or
    # copied.
    with TemporaryDirectory(prefix="spanhouse-") as directory:
        file = Path(directory, _CONFIG_FILE)
        file.write_text(re.sub("(?<=<users_config>)[^<]*", lambda _: users, text))
        yield build_connection_string(str(data_dir / "engine"), {"config-file": str(file)})


def keep_row_filters(data_dir: Path, row_filters: str) -> bool:
    """Keep these row filters for the next time that the engine is opened, and return whether they have changed."""
    file = data_dir / _FOLDER / _ROW_FILTERS
    if file.exists() and file.read_text() == row_filters:
        return False
    _replace(file, row_filters)
    _write(data_dir, _memory(data_dir))
    return True


def _refuse_when_held(data_dir: Path) -> None:
    # Before the engine finds out: it would print its own account of it.
    store = data_dir / "engine"
    holder = holder_of(store)
    if holder is not None:
        raise DatabaseBusy(_held(store, holder))


def _write(data_dir: Path, memory_bytes: int) -> None:
    config = data_dir / _FOLDER
    kept = config / _ROW_FILTERS
    # One statement gets less than the engine: a large query leaves room for an INSERT, and an INSERT that fails alone
    # says that it is its own fault.
    users = _USERS.format(
        grants="".join(f"<query>{grant}</query>" for grant in _GRANTS),
        memory=memory_bytes * 3 // 4,
        row_filters=kept.read_text() if kept.exists() else "",
    )
    _replace(config / _USERS_FILE, users)
    _replace(config / _CONFIG_FILE, _CONFIG.format(memory=memory_bytes))


def _memory(data_dir: Path) -> int:
    file = data_dir / _FOLDER / _CONFIG_FILE
    found = re.search(r"<max_server_memory_usage>(\d+)<", file.read_text()) if file.exists() else None
    return int(found[1]) if found else _MEMORY_BYTES


def keep_schema(data_dir: Path, settings: Mapping[str, str | int]) -> dict[str, str | int]:
    """The settings of a statement, with a format schema given as text replaced by a file that holds it.

    Given as text, chDB writes it into `__cache__` in whatever directory the process was started in.
    The file is named by its content, so the same text is the same file, at every replay.
    """
    if settings.get("format_schema_source") != "string":
        return dict(settings)
    text = str(settings["format_schema"])
    file = data_dir / _FOLDER / f"{sha256(text.encode()).hexdigest()[:16]}.proto"
    # Not only when it is missing: a crash of the machine may have left it empty.
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        _replace(file, text)
    return {**settings, "format_schema_source": "file", "format_schema": str(file.resolve())}


def _replace(file: Path, text: str) -> None:
    whole = file.with_suffix(f".{os.getpid()}.{get_ident()}")
    whole.write_text(text, encoding="utf-8")
    whole.replace(file)


def open_engine(connection_string: str) -> "EngineConnection":
    """One connection to the engine, with session state (`SET`, `USE`) of its own.

    Raises `DatabaseBusy` when another process holds the directory.
    """
    # Half a second, which a process that speaks to a server does without.
    from chdb.state.sqlitelike import Connection as EngineConnection  # noqa: PLC0415  # see above

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
