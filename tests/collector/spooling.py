"""Records to put into a spool, and what a spool's directory holds: for the tests of the spool and of the loader."""

import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import envelope
from spanhouse_collector.spool.segment import Segment, number
from spanhouse_collector.spool.spool import Spool

MIB = 1024 * 1024


class Sent(NamedTuple):
    """A request as the spool is given it."""

    record: bytes
    digest: bytes


def send(request: bytes, tenant: str = "acme") -> Sent:
    """Wrap a request as the receiver does."""
    digest = sha256(tenant.encode() + b"\0traces\0" + request).digest()
    return Sent(envelope.encode(request, tenant=tenant, received_unix_nano=time.time_ns(), digest=digest), digest)


def trace_request(spans: int = 3, name: str = "work") -> bytes:
    """An OTLP trace request of `spans` spans, each with random ids."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for _ in range(spans):
        span = scope.spans.add(trace_id=os.urandom(16), span_id=os.urandom(8), name=name)
        span.start_time_unix_nano = span.end_time_unix_nano = time.time_ns()
    return request.SerializeToString()


@asynccontextmanager
async def running(directory: Path, *, limit_bytes: int = 64 * MIB, segment_bytes: int = MIB) -> AsyncGenerator[Spool]:
    """A spool, started, and stopped at the end."""
    spool = Spool(directory, limit_bytes=limit_bytes, segment_bytes=segment_bytes)
    await spool.start()
    try:
        yield spool
    finally:
        await spool.stop()


async def append(spool: Spool, sent: Sent, signal: Signal = Signal.TRACES, items: int = 1) -> bool:
    """Put what was sent into the spool; False when it is there already."""
    return await spool.append(signal, sent.record, sent.digest, items)


async def finish_one(spool: Spool, signal: Signal = Signal.TRACES) -> Segment:
    """Take the oldest segment out of the spool as the loader does, and return what it was."""
    segment = await spool.next_segment(signal)
    await spool.finish(signal, segment)
    return segment


def requests_on_disk(directory: Path, signal: Signal = Signal.TRACES) -> list[bytes]:
    """The requests in all segments of the directory, sealed or not, in their order; of whole records only."""
    found: list[bytes] = []
    for path in sorted((directory / signal.value).iterdir(), key=number):
        if path.suffix in {".open", ".segment"}:
            segment = Segment.at(path)
            records = [record for record in segment.read(segment.extents()) if envelope.is_whole(record)]
            found += [envelope.decode(record).request for record in records]
    return found
