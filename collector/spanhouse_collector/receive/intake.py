"""The way of one request from its decompressed body to the spool; both receivers take it."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import NamedTuple, TypeVar

from spanhouse_collector.metrics import Metrics
from spanhouse_collector.otlp import protobuf
from spanhouse_collector.otlp.decoded import Decoded
from spanhouse_collector.otlp.json import requests
from spanhouse_collector.receive.memory_limit import Inflight
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import envelope
from spanhouse_collector.spool.spool import Spool
from spanhouse_schema.access.key_ring import Grant, KeyRing
from spanhouse_schema.settings import ReceiveSettings
from spanhouse_web.errors import TooLarge

# What is decoded in about four milliseconds: larger requests must not keep the event loop from the small ones.
_LARGE_BYTES = 1024 * 1024
_LARGE_JSON_BYTES = 128 * 1024
# An item may be two bytes long, and takes half a kilobyte of ClickHouse's memory when it is inserted: more of them at
# once than there is memory for would keep everything that comes after them waiting.
_MOST_ITEMS = 1_000_000

_Result = TypeVar("_Result")


class Outcome(NamedTuple):
    """What became of a request: how many of its items were refused, and why, in a sentence for the client."""

    rejected: int
    message: str


class Intake:
    """Decodes requests, puts them on disk and counts them. `inflight` is what receivers ask before they read a body."""

    def __init__(self, spool: Spool, keys: KeyRing, settings: ReceiveSettings, metrics: Metrics) -> None:
        self.keys = keys
        self.metrics = metrics
        self.inflight = Inflight(settings.inflight_limit)
        self._spool = spool
        # One at a time: a hostile request takes many times its size in memory while it is decoded.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        # To find a series costs three times what it costs to count in it.
        self._bytes = {signal: metrics.bytes.labels(signal.value) for signal in Signal}
        self._items = {signal: metrics.items.labels(signal.value) for signal in Signal}
        metrics.inflight_bytes.set_function(lambda: self.inflight.bytes)
        metrics.spool_bytes.set_function(lambda: spool.bytes)
        metrics.spool_oldest_seconds.set_function(lambda: spool.oldest_age_s)

    async def export(self, signal: Signal, body: bytes, *, json: bool, grant: Grant) -> Outcome:
        """Store the request that `body` is; when this returns it is on disk, from now or from an earlier try.

        Raises `BadRequest` when it is not the signal's export request, `TooLarge` when it holds over a million items,
        `Busy` when there is no room.
        """

        def prepare() -> _Prepared:
            return _prepare(signal, body, json, grant.tenant)

        large = len(body) > (_LARGE_JSON_BYTES if json else _LARGE_BYTES)
        prepared = await self.aside(prepare) if large else prepare()
        decoded = prepared.decoded
        if decoded.items or decoded.rejected:
            stored = await self._spool.append(signal, prepared.record, prepared.digest, decoded.items)
            self._count(signal, len(body), decoded, stored)
        return Outcome(decoded.rejected, _message(decoded))

    async def aside(self, work: Callable[[], _Result]) -> _Result:
        """Return what `work` returns, done in the one thread that is there for what takes long."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _count(self, signal: Signal, size: int, decoded: Decoded, stored: bool) -> None:
        if not stored:
            self.metrics.duplicates.labels(signal.value).inc()
            return
        self._bytes[signal].inc(size)
        self._items[signal].inc(decoded.items)
        for reason, count in decoded.reasons.items():
            self.metrics.refused_items.labels(signal.value, reason).inc(count)


class _Prepared(NamedTuple):
    decoded: Decoded
    record: bytes
    digest: bytes


def _prepare(signal: Signal, body: bytes, json: bool, tenant: str) -> _Prepared:
    received_unix_nano = time.time_ns()
    digest = sha256(b"\0".join((tenant.encode(), signal.value.encode(), body))).digest()
    decoded = requests.decode(signal, body) if json else protobuf.decode(signal, body)
    if (items := decoded.items + decoded.rejected) > _MOST_ITEMS:
        raise TooLarge(f"the request holds {items} items, over {_MOST_ITEMS}", "send smaller batches")
    record = envelope.encode(
        decoded.payload,
        tenant=tenant,
        received_unix_nano=received_unix_nano,
        digest=digest,
        refused=decoded.refused,
    )
    return _Prepared(decoded, record, digest)


def _message(decoded: Decoded) -> str:
    if not decoded.rejected:
        return ""
    reasons = "; ".join(f"{reason} ({count})" for reason, count in decoded.reasons.items())
    return f"{decoded.rejected} of {decoded.items + decoded.rejected} spans were refused: {reasons}"
