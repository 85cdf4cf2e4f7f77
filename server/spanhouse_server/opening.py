"""Open what the commands share: the database, as it is or as this process configures it, and the ring of keys.

A command that reads opens what is there. Only a process that runs the installation configures it.
"""

from collections.abc import Generator
from contextlib import closing, contextmanager

import structlog

from spanhouse.errors import SpanhouseError
from spanhouse_schema import Database
from spanhouse_schema.access import row_filters
from spanhouse_schema.access.admin_secret import admin_secret
from spanhouse_schema.access.key_ring import KeyRing, admits_keyless
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.clickhouse import installation, migrate
from spanhouse_schema.clickhouse.engine import is_made
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.settings import CollectorProcess, EngineProcess, InstallationSettings, StorageSettings
from spanhouse_server.held import is_held, through_door
from spanhouse_server.tls import clear_text

_log = structlog.get_logger(__name__)


@contextmanager
def configured_database(
    storage: StorageSettings,
    given: InstallationSettings,
    *,
    delete_rows: bool = False,
    engine_memory: int | None = None,
) -> Generator[Database]:
    """Open the database for a process that runs the installation: at the newest revision, configured as it is told.

    What is `given` is stored in it. `engine_memory` is the most that the embedded engine may use, in bytes. Raises
    `RowsWouldGo` where a shorter retention deletes rows and `delete_rows` does not allow it, and `DatabaseError`.
    """
    database = Database.open(storage, engine_memory=engine_memory)
    try:
        migrate.upgrade_tables(database)
        installation.change(database, given, delete_rows=delete_rows)
        row_filters.enforce(database)
        yield database
    finally:
        database.close()


@contextmanager
def existing_database(storage: StorageSettings) -> Generator[Database]:
    """Open the database as it is; when another process holds it, through that one's SQL door.

    Raises `NoDatabase` where there is none, `DatabaseError`, and `AdminKeyUnusable` when that process's secret cannot
    be read.
    """
    database = Database(through_door(storage) if is_held(storage) else storage)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def current_database(storage: StorageSettings) -> Generator[Database]:
    """Open the database as it is. Raises like `existing_database`, and `SpanhouseError` when its revision is old."""
    with existing_database(storage) as database:
        if not migrate.status(database).at_head:
            raise SpanhouseError("the database is not at the newest revision: run `spanhouse migrate up`")
        yield database


@contextmanager
def writable_database(storage: StorageSettings) -> Generator[Database]:
    """Open the database for a command that writes rows; make it where there is none. Raises like `current_database`."""
    if storage.embedded and not is_held(storage) and not is_made(storage.data_dir):
        with closing(Database.open(storage)) as database:
            migrate.upgrade(database)
    with current_database(storage) as database:
        yield database


@contextmanager
def opened_keys(settings: CollectorProcess | EngineProcess, *listens: str) -> Generator[KeyRing]:
    """Open the ring of keys for a process that listens on the settings named in `listens`; it follows later changes.

    Warns of addresses that other machines reach without TLS. Raises `SettingsError` when one of them is open to other
    machines and no key exists; `ControlError`, `AdminKeyUnusable`.
    """
    with ControlDatabase.open(settings) as control:
        store = KeyStore(control)
        keyless = admits_keyless(settings, len(store.grants()), listens)
        if exposed := clear_text(settings, *listens):
            _log.warning(f"keys and data cross the network unencrypted on {exposed}: set --tls-cert and --tls-key")
        keys = KeyRing(store, admin_secret(settings.data_dir, create=True), keyless)
        keys.start()
        try:
            yield keys
        finally:
            keys.close()
