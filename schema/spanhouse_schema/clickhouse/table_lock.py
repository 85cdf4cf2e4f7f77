"""Locks of the processes that share a server: one at a time holds each of them, and a dead one keeps nobody out.

A lock is an empty table with a name of its own. A process that finds another's beside its own takes its own back: of
two at once at most one goes on. While its holder lives, the table is touched every few seconds: a table that was not
touched for longer is the lock of a process that died.
"""

import math
import os
import socket
import time
from uuid import uuid4

from spanhouse_schema.background import Failures, LoopThread
from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.errors import StatementFailed
from spanhouse_schema.quoting import literal

TOUCHED_EVERY_S = 5.0
EXPIRES_AFTER_S = 30

_UNKNOWN_TABLE = 60
# By the server's clock alone: those of the machines that share it may differ.
_LOCKS = """
    SELECT name, comment, now() - metadata_modification_time > {expires:UInt32} AS is_expired
    FROM system.tables
    WHERE database = 'spanhouse' AND startsWith(name, {prefix:String}) AND name != {own:String}
"""


class TableLock:
    """One of the locks whose names begin with `prefix`, of which one at a time is held. Not for two threads at once.

    That of an embedded database is always held, and needs no table: the directory is open in this process alone.
    """

    def __init__(self, database: Database, prefix: str) -> None:
        self._database = database
        self._prefix = prefix
        self._name = f"{prefix}{uuid4().hex}"
        self._may_exist = False
        # In monotonic seconds, when the last touch that succeeded began.
        self._touched_at = -math.inf
        self._touching: LoopThread | None = None

    @property
    def is_held(self) -> bool:
        """Whether nobody else can have it: by our own clock it has not expired. Ask this from any thread."""
        return self._database.embedded or time.monotonic() < self._touched_at + EXPIRES_AFTER_S

    def take(self) -> list[str]:
        """Take it unless others have one, without waiting, and return who: nobody when it is held now.

        Two that try at once may both find the other: try again after a random time. Raises `DatabaseError`.
        """
        if self._database.embedded:
            return []
        self.release()
        holders = self._live() or self._rivals()
        if not holders:
            failures = Failures(f"{self._name} is not renewed")
            self._touching = LoopThread("table-lock", self._touch, failures, every_s=TOUCHED_EVERY_S)
            self._touching.start()
        return holders

    def release(self) -> None:
        """Let others take theirs at once; nothing happens where it was not taken. Raises `DatabaseError`."""
        if self._touching:
            self._touching.stop()
            self._touching = None
        self._touched_at = -math.inf
        if self._may_exist:
            self._drop(self._name)
            self._may_exist = False

    def _rivals(self) -> list[str]:
        """Make the table, and return who else has one: then it is taken back."""
        began, self._may_exist = time.monotonic(), True
        self._database.command(
            f"CREATE TABLE spanhouse.{self._name} (Nothing UInt8) ENGINE = Memory COMMENT {literal(_holder())}"
        )
        rivals = self._live()
        if rivals:
            self.release()
        else:
            self._touched_at = began
        return rivals

    def _live(self) -> list[str]:
        """Return who else has one; those of the dead are dropped."""
        parameters = {"prefix": self._prefix, "own": self._name, "expires": EXPIRES_AFTER_S}
        locks = self._database.rows(_LOCKS, parameters=parameters)
        for name, _, is_expired in locks:
            if is_expired:
                self._drop(name)
        return [holder for _, holder, is_expired in locks if not is_expired]

    def _touch(self) -> None:
        # One that fails is made good by the next; without any the lock expires, as it should.
        began = time.monotonic()
        try:
            self._database.command(f"ALTER TABLE spanhouse.{self._name} MODIFY COMMENT {literal(_holder())}")
        except StatementFailed as error:
            if error.code == _UNKNOWN_TABLE:
                # Somebody took us for dead.
                self._touched_at = -math.inf
            raise
        self._touched_at = began

    def _drop(self, name: str) -> None:
        self._database.command(f"DROP TABLE IF EXISTS spanhouse.{name} SYNC")


def _holder() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"
