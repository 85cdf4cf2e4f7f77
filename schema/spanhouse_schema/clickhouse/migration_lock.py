"""The lock of a migration: one process at a time changes the schema of a server, and a dead one keeps nobody out.

A lock is an empty table with a name of its own. A process that finds another's beside its own takes its own back: of
two at once at most one goes on. While its holder works, the table is touched every few seconds: a table that was not
touched for longer is the lock of a process that died.
"""

import os
import random
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from uuid import uuid4

from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.errors import DatabaseBusy, DatabaseError
from spanhouse_schema.quoting import literal

TOUCHED_EVERY_S = 5.0
EXPIRES_AFTER_S = 30
PATIENCE_S = 60.0

_PREFIX = "migration_lock_"
# By the server's clock alone: those of the machines that migrate may differ.
_LOCKS = """
    SELECT name, comment, now() - metadata_modification_time > {expires:UInt32} AS is_expired
    FROM system.tables
    WHERE database = 'spanhouse' AND startsWith(name, {prefix:String}) AND name != {own:String}
"""


@contextmanager
def held(database: Database) -> Generator[None]:
    """Keep other migrations out. Raises `DatabaseBusy` when another has been at it for a minute; `DatabaseError`."""
    if database.embedded:
        # Its directory is open in this process alone.
        yield
        return
    name = f"{_PREFIX}{uuid4().hex}"
    _take(database, name)
    done = Event()
    touching = Thread(target=_touch, args=(database, name, done), daemon=True)
    touching.start()
    try:
        yield
    finally:
        done.set()
        touching.join()
        _drop(database, name)


def _take(database: Database, name: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while holders := _live(database, name) or _rivals(database, name):
        if time.monotonic() > deadline:
            raise DatabaseBusy(
                f"{', '.join(holders)} has been migrating this database for {PATIENCE_S:.0f} s and is still at it: "
                "try again when it is done"
            )
        # At random, as two that find each other try again at once.
        time.sleep(random.uniform(0.1, 0.5))  # noqa: S311  # not a secret


def _rivals(database: Database, name: str) -> list[str]:
    """Make the lock, and return who else holds one: then it is taken back."""
    database.command(f"CREATE TABLE spanhouse.{name} (Nothing UInt8) ENGINE = Memory COMMENT {literal(_holder())}")
    rivals = _live(database, name)
    if rivals:
        _drop(database, name)
    return rivals


def _live(database: Database, own: str) -> list[str]:
    """Return who else holds a lock; those of the dead are dropped."""
    parameters = {"prefix": _PREFIX, "own": own, "expires": EXPIRES_AFTER_S}
    locks = database.rows(_LOCKS, parameters=parameters)
    for name, _, is_expired in locks:
        if is_expired:
            _drop(database, name)
    return [holder for _, holder, is_expired in locks if not is_expired]


def _touch(database: Database, name: str, done: Event) -> None:
    while not done.wait(TOUCHED_EVERY_S):
        # One that fails is made good by the next; without any the lock expires, as it should.
        with suppress(DatabaseError):
            database.command(f"ALTER TABLE spanhouse.{name} MODIFY COMMENT {literal(_holder())}")


def _drop(database: Database, name: str) -> None:
    database.command(f"DROP TABLE IF EXISTS spanhouse.{name} SYNC")


def _holder() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"
