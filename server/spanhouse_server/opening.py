"""Open what the commands share: the database, directly or through the process that holds it, and the ring of keys."""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal

import structlog

from spanhouse_schema import Database
from spanhouse_schema.access import row_filters
from spanhouse_schema.access.admin_secret import admin_secret
from spanhouse_schema.access.key_ring import KeyRing, admits_keyless
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.clickhouse import migrate, retention
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.settings import Settings
from spanhouse_server.held import is_held, through_door
from spanhouse_server.tls import clear_text

_log = structlog.get_logger(__name__)


@contextmanager
def opened_database(settings: Settings) -> Generator[Database]:
    """The database at the newest revision, with retention, time zone and readers' row filters of now in force.

    Raises `DatabaseError`.
    """
    database = Database.open(settings)
    try:
        migrate.upgrade(database, timezone=settings.timezone, default_budget_usd=Decimal(5))
        retention.apply(database, settings)
        row_filters.enforce(database)
        yield database
    finally:
        database.close()


@contextmanager
def reached_database(settings: Settings) -> Generator[Database]:
    """The database as it is: opened, or, when another process holds it, reached through that one's SQL door.

    Raises `DatabaseError`, and `AdminKeyUnusable` when that process's secret cannot be read.
    """
    database = Database.open(through_door(settings) if is_held(settings) else settings)
    try:
        yield database
    finally:
        database.close()


def usable_database(settings: Settings) -> AbstractContextManager[Database]:
    """The database at the newest revision, for a command that may well be the first: whoever holds it has seen to that.

    A server is taken as it is: its revision is its operator's. Raises like the two above.
    """
    return reached_database(settings) if is_held(settings) or not settings.embedded else opened_database(settings)


@contextmanager
def opened_keys(settings: Settings, *listens: str) -> Generator[KeyRing]:
    """The ring of keys for a process that listens on the settings named in `listens`; it follows what others change.

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
