"""Log records that are lifecycle events, and the events that a store makes of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from spanhouse_schema import Database
from tests.support.expected_rows import Sent, insert, send

TRACE_ID, SPAN_ID = bytes.fromhex("0af7651916cd43dd8448eb211c80319c"), bytes.fromhex("b7ad6b7169203331")


def record(name: str, said: Mapping[str, object] | None = None, *, body: str = "") -> LogRecord:
    """A record of a fixed time and span."""
    made = LogRecord(event_name=name, time_unix_nano=1_767_323_045_000_000_006, trace_id=TRACE_ID, span_id=SPAN_ID)
    made.attributes.extend(_attributes(said or {}))
    if body:
        made.body.string_value = body
    return made


def request(records: Sequence[LogRecord], resource: Mapping[str, object] | None = None) -> ExportLogsServiceRequest:
    """A request with these records, all of one resource."""
    made = ExportLogsServiceRequest()
    of_resource = made.resource_logs.add()
    of_resource.resource.attributes.extend(_attributes(resource or {}))
    of_resource.scope_logs.add().log_records.extend(records)
    return made


def sent(*records: LogRecord, resource: Mapping[str, object] | None = None) -> Sent:
    """A request on its way into a store, under a tenant of its own."""
    made = request(records, resource)
    return send("logs", made, made.SerializeToString())


def events(store: Database, request_: Sent, directory: Path) -> list[dict[str, Any]]:
    """Insert a request, and return its events as `read` does."""
    insert(store, "logs", [request_], directory)
    return read(store, request_.receipt.tenant)


def read(store: Database, tenant: str) -> list[dict[str, Any]]:
    """A tenant's events, without whose they are and when they were received."""
    rows = store.text(
        "SELECT * EXCEPT (TenantId, IngestedAt) FROM spanhouse.execution_events WHERE TenantId = {tenant:String} "
        "ORDER BY ALL",
        "JSONEachRow",
        parameters={"tenant": tenant},
        settings={"session_timezone": "UTC", "output_format_json_quote_64bit_integers": 0},
    )
    return [json.loads(row) for row in rows.splitlines()]


def _attributes(said: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in said.items()]


def _value(value: object) -> AnyValue:
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(double_value=value) if isinstance(value, float) else AnyValue(string_value=str(value))
