"""Loading a spool into a real store, also one that fails: for the tests of the loader."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from spanhouse_collector.load.loader import Loader
from spanhouse_collector.metrics import Metrics
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import disk, envelope
from spanhouse_collector.spool.envelope import Refusal
from spanhouse_collector.spool.spool import Spool
from spanhouse_schema import Database
from tests.collector.spooling import Sent, append, running, trace_request

DRAIN_S = 60.0
# A tenth of what the loader waits by itself.
_FIRST_DELAY_S = 0.01


class Tenant:
    """A tenant of its own, what it sends, and what is stored of it."""

    def __init__(self, database: Database, name: str) -> None:
        self.name = name
        self._database = database

    def send(self, request: bytes) -> Sent:
        """Wrap a request as the receiver does, with one refusal beside it."""
        digest = os.urandom(32)
        received = time.time_ns()
        refused = [Refusal("odd", digest.hex())]
        record = envelope.encode(request, tenant=self.name, received_unix_nano=received, digest=digest, refused=refused)
        return Sent(record, digest)

    def spans(self) -> Counter[str]:
        """How many spans of each name are stored."""
        return self._count("SELECT SpanName, count() FROM spanhouse.otel_traces", "SpanName")

    def traces(self) -> int:
        """How many rows of traces the view behind the spans has made."""
        return self._count("SELECT '', count() FROM spanhouse.otel_traces_trace_id_ts", "1")[""]

    def refusals(self) -> int:
        """How many rows tell of what the receiver refused."""
        return self._count("SELECT Reason, count() FROM spanhouse.ingest_errors", "Reason")["odd"]

    def errors(self) -> list[tuple[str, str]]:
        """The digest and reason of each request that was not loaded."""
        rows = self._database.rows(
            "SELECT Digest, Reason FROM spanhouse.ingest_errors "
            "WHERE TenantId = {tenant:String} AND Reason != 'odd' ORDER BY Digest",
            parameters={"tenant": self.name},
        )
        return [(digest, reason) for digest, reason in rows]

    def _count(self, select: str, group: str) -> Counter[str]:
        sql = f"{select} WHERE TenantId = {{tenant:String}} GROUP BY {group}"
        return Counter(dict(self._database.rows(sql, parameters={"tenant": self.name})))


async def load(
    directory: Path,
    database: Database,
    sent: list[Sent],
    signal: Signal = Signal.TRACES,
    *,
    first_delay_s: float = _FIRST_DELAY_S,
) -> None:
    """Put what was sent into the spool as one segment, and load everything that the spool holds."""
    async with running(directory) as spool:
        await asyncio.gather(*(append(spool, each, signal) for each in sent))
        async with loading(spool, database, first_delay_s=first_delay_s):
            await drained(spool)


@asynccontextmanager
async def loading(spool: Spool, database: Database, *, first_delay_s: float = _FIRST_DELAY_S) -> AsyncGenerator[Loader]:
    """A loader that runs."""
    loader = Loader(spool, database, Metrics(), first_delay_s=first_delay_s)
    await loader.start()
    try:
        yield loader
    finally:
        await loader.stop()


async def drained(spool: Spool) -> None:
    """Wait until all that the spool holds is loaded, and nothing is left of it."""
    await until(lambda: not spool.bytes and not list(spool.directory.glob("*/*.plan")))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, a minute at most."""
    deadline = time.monotonic() + DRAIN_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within a minute"
        await asyncio.sleep(0.01)


class Killed(BaseException):
    """The process ends here, as far as the loader can tell."""


class Killer:
    """Ends the loader before a chosen one of the steps that it leaves traces by: each file it changes, each INSERT.

    `done` says that it has come so far.
    """

    def __init__(self, step: int, database: Database, patch: pytest.MonkeyPatch) -> None:
        self.done = False
        self._step = step
        for target, name in (
            (disk, "write"),
            (disk, "append"),
            (disk, "move"),
            (disk, "remove"),
            (database, "insert_file"),
        ):
            patch.setattr(target, name, self._wrap(getattr(target, name)))

    def _wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if self._step == 0:
                self.done = True
            if self.done:
                raise Killed
            self._step -= 1
            return function(*args, **kwargs)

        return wrapped


def poisoned(request: bytes) -> bytes:
    """The same request as a legal message that ClickHouse does not read: with an unknown field that is a group."""
    return request + b"\xa3\x06\x08\x01\xa4\x06"


def requests(count: int, spans: int = 3) -> list[bytes]:
    """Trace requests whose spans are named after their request: `0`, `1` and so on."""
    return [trace_request(spans, str(number)) for number in range(count)]
