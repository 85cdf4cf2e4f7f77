"""What agents say of their records by plain OTLP, and what the views say of it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count, zip_longest
from pathlib import Path
from typing import Any
from uuid import uuid4

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanhouse_collector.otlp import protobuf
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import envelope
from spanhouse_schema import Database
from spanhouse_schema.clickhouse.insert_settings import insert_settings
from spanhouse_schema.derive.settling import settle

BEGAN_S = 1_790_000_000
# What a research cycle measures; the last is no column of its own.
METRICS = {
    "training_accuracy": 0.62,
    "final_loss": 0.31,
    "epochs": 40,
    "early_stopped": True,
    "backtest_sharpe": 1.5,
    "win_rate": 0.55,
    "max_drawdown": 0.12,
    "trades": 120,
    "profit_factor": 1.8,
    "sortino": 2.1,
}
RUN, OTHER_RUN, CALL = "00000000000000a1", "00000000000000b2", "00000000000000c3"
TRACE = "0af7651916cd43dd8448eb211c80319c"
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "quant"}

_tenants = count()


@dataclass(frozen=True)
class Event:
    """An event: what was said `at` seconds after the beginning, in the run `id`."""

    name: str
    at: float
    said: Mapping[str, object] = field(default_factory=dict)
    id: str = RUN
    trace: str = TRACE
    body: str = ""


@dataclass(frozen=True)
class Ended:
    """A span from `at` to `until`, in seconds after the beginning."""

    name: str
    at: float
    until: float
    said: Mapping[str, object] = field(default_factory=dict)
    id: str = RUN
    parent: str = ""
    trace: str = TRACE
    error: str = ""


Thing = Event | Ended


def at(seconds: int) -> str:
    """The time so many seconds after the beginning, as a view spells it."""
    return f"{datetime.fromtimestamp(BEGAN_S + seconds, UTC):%Y-%m-%d %H:%M:%S}.000000000"


def new_tenant() -> str:
    """A tenant that nobody has yet."""
    return f"records-{next(_tenants)}"


def send(database: Database, tenant: str, things: Iterable[Thing], directory: Path) -> None:
    """Send each by itself, in this order, as OTLP through the receiver's door; then settle."""
    send_in_turn(database, {tenant: things}, directory)


def send_in_turn(database: Database, coming: Mapping[str, Iterable[Thing]], directory: Path) -> None:
    """Send so what comes of several tenants: the first thing of each, then the second of each that has one."""
    for turn in zip_longest(*coming.values()):
        send_together(
            database, {tenant: [thing] for tenant, thing in zip(coming, turn, strict=True) if thing}, directory
        )
    settle(database, 120)


def send_together(database: Database, coming: Mapping[str, Iterable[Thing]], directory: Path) -> None:
    """Send each by itself, but insert all spans at once, and all events."""
    segments: dict[str, list[bytes]] = {}
    for tenant, things in coming.items():
        for thing in things:
            signal, body = ("logs", _record(thing)) if isinstance(thing, Event) else ("traces", _span(thing))
            segments.setdefault(signal, []).append(_envelope(tenant, signal, body))
    for signal, envelopes in segments.items():
        segment = directory / f"{uuid4().hex}.segment"
        segment.write_bytes(b"".join(envelopes))
        settings = insert_settings(signal) | {"insert_deduplication_token": segment.stem}
        database.insert_file(f"spanhouse.otlp_{signal}", segment, "Protobuf", settings=settings)


def read(database: Database, view: str, tenant: str, order: str = "ALL") -> list[dict[str, Any]]:
    """A tenant's rows of a view, values as JSON spells them, times as UTC."""
    return query(
        database, f"SELECT * EXCEPT tenant_id FROM spanhouse.{view} WHERE tenant_id = '{tenant}' ORDER BY {order}"
    )


def query(database: Database, statement: str) -> list[dict[str, Any]]:
    """The rows of a statement."""
    settings: dict[str, str | int] = {"session_timezone": "UTC", "output_format_json_quote_64bit_integers": 0}
    text = database.text(statement, "JSONEachRow", settings=settings)
    return [json.loads(row) for row in text.splitlines()]


def _envelope(tenant: str, signal: str, body: bytes) -> bytes:
    decoded = protobuf.decode(Signal(signal), body)
    return envelope.encode(
        decoded.payload,
        tenant=tenant,
        received_unix_nano=BEGAN_S * 10**9,
        digest=sha256(uuid4().bytes).digest(),
        refused=decoded.refused,
    )


def _record(event: Event) -> bytes:
    made = LogRecord(
        event_name=event.name,
        time_unix_nano=_nanoseconds(event.at),
        trace_id=bytes.fromhex(event.trace),
        span_id=bytes.fromhex(event.id),
        attributes=_attributes(event.said),
    )
    if event.body:
        made.body.string_value = event.body
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.append(made)
    return request.SerializeToString()


def _span(span: Ended) -> bytes:
    made = Span(
        name=span.name,
        trace_id=bytes.fromhex(span.trace),
        span_id=bytes.fromhex(span.id),
        parent_span_id=bytes.fromhex(span.parent),
        start_time_unix_nano=_nanoseconds(span.at),
        end_time_unix_nano=_nanoseconds(span.until),
        attributes=_attributes(span.said),
    )
    if span.error:
        made.status.code, made.status.message = Status.STATUS_CODE_ERROR, span.error
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(made)
    return request.SerializeToString()


def _nanoseconds(seconds: float) -> int:
    return BEGAN_S * 10**9 + int(seconds * 10**9)


def _attributes(said: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in said.items()]


def _value(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=map(_value, value)))
    return AnyValue(double_value=value) if isinstance(value, float) else AnyValue(string_value=str(value))
