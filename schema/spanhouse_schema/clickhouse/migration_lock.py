"""The lock of a migration: one process at a time changes the schema of a server."""

import random
import time
from collections.abc import Generator
from contextlib import contextmanager

from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.clickhouse.table_lock import TableLock
from spanhouse_schema.errors import DatabaseBusy

PATIENCE_S = 60.0


@contextmanager
def held(database: Database) -> Generator[None]:
    """Keep other migrations out. Raises `DatabaseBusy` when another has been at it for a minute; `DatabaseError`."""
    lock = TableLock(database, "migration_lock_")
    _take(lock)
    try:
        yield
    finally:
        lock.release()


def _take(lock: TableLock) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while holders := lock.take():
        if time.monotonic() > deadline:
            raise DatabaseBusy(
                f"{', '.join(holders)} has been migrating this database for {PATIENCE_S:.0f} s and is still at it: "
                "try again when it is done"
            )
        # At random, as two that find each other try again at once.
        time.sleep(random.uniform(0.1, 0.5))  # noqa: S311  # not a secret
