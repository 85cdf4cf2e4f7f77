"""The audit of the SQL door: a row of `spanhouse.sql_audit` for each statement that it was asked to run.

What is recorded waits in memory and is written about once a second, together, because every INSERT makes a part. A
process that is killed takes with it what was not written yet.
"""

import logging
import time
from collections import deque
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from uuid import uuid4

from spanhouse_schema import Database
from spanhouse_schema.background import Failures, LoopThread

_EVERY_S = 1.0
_MOST_WAITING = 10_000
_MOST_AT_ONCE = 1_000
_PATIENCE_S, _RETRY_S = 5.0, 0.2
_log = logging.getLogger(__name__)


class Verdict(StrEnum):
    """What became of a statement."""

    DONE = "done"
    DENIED = "denied"
    QUEUED_OUT = "queued out"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Entry(NamedTuple):
    """One statement: a row of `sql/sql_audit.sql`, which says what the columns are.

    `started_unix_ms` is milliseconds since 1970. Any text and any bytes can be written.
    """

    started_unix_ms: int
    tenant: str
    key_id: str
    scope: str
    query_id: str
    statement: bytes
    verdict: Verdict
    rule: str = ""
    error_code: int = 0
    read_rows: int = 0
    read_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    duration_ms: float = 0.0


class StatementLog:
    """Writes what is recorded, in a thread, from `start` to `close`; `directory` is where an INSERT's file is kept.

    While the database takes nothing, the newest 10,000 entries are held beside those that are being written.
    """

    def __init__(self, database: Database, directory: Path) -> None:
        self._database = database
        self._file = directory / "audit.jsonl"
        self._lock = Lock()
        self._waiting: deque[Entry] = deque()
        self._dropped = 0
        # What an INSERT did not bring in stays its content, under its token, until one does.
        self._batch: list[Entry] = []
        self._token = ""
        self._failures = Failures(
            f"the audit of the SQL door is not written; the newest {_MOST_WAITING} statements are held, and tried again"
        )
        self._thread = LoopThread("spanhouse-audit", self._write, self._failures, every_s=_EVERY_S)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def record(self, entry: Entry) -> None:
        """Have an entry written soon. Returns at once; not to be called after `close`."""
        with self._lock:
            self._waiting.append(entry)
            if len(self._waiting) > _MOST_WAITING:
                self._waiting.popleft()
                self._dropped += 1

    def close(self) -> None:
        """Write the rest, and stop. What the database does not take within five seconds is lost; the log says so."""
        self._thread.stop()
        deadline = time.monotonic() + _PATIENCE_S
        while not self._write_rest() and time.monotonic() < deadline:
            time.sleep(_RETRY_S)
        _report_lost(self._dropped + len(self._batch) + len(self._waiting))

    def _write_rest(self) -> bool:
        with self._failures:
            self._write()
        return self._failures.error is None

    def _write(self) -> None:
        """Write everything that waits. Raises `DatabaseError`, `OSError`."""
        while self._batch or self._take_batch():
            rows = map(_row, self._batch)
            self._database.insert_rows("spanhouse.sql_audit", rows, token=self._token, scratch=self._file)
            self._batch = []

    def _take_batch(self) -> bool:
        with self._lock:
            dropped, self._dropped = self._dropped, 0
            self._batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_AT_ONCE))]
        self._token = uuid4().hex
        _report_lost(dropped)
        return bool(self._batch)


def _report_lost(statements: int) -> None:
    if statements:
        _log.warning("%d statements are missing from spanhouse.sql_audit, which could not be written", statements)


def _row(entry: Entry) -> dict[str, str | int | float]:
    return {
        "StartedAt": entry.started_unix_ms / 1000,
        "TenantId": entry.tenant,
        "KeyId": entry.key_id,
        "Scope": entry.scope,
        "QueryId": entry.query_id,
        "Statement": entry.statement.decode(errors="replace"),
        "Verdict": entry.verdict,
        "Rule": entry.rule,
        "ErrorCode": entry.error_code,
        "ReadRows": entry.read_rows,
        "ReadBytes": entry.read_bytes,
        "ResultRows": entry.result_rows,
        "ResultBytes": entry.result_bytes,
        "DurationMs": entry.duration_ms,
    }
