"""Log requests as rows of `otel_logs`."""

from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from tests.reference.ids import does_not_fit, span_id, time, trace_id, wrapped
from tests.reference.values import attributes, text

_MATERIALIZED = (
    "k8s.cluster.name",
    "k8s.container.name",
    "k8s.deployment.name",
    "k8s.namespace.name",
    "k8s.node.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "deployment.environment.name",
)


def rows(request: ExportLogsServiceRequest) -> dict[str, list[dict[str, Any]]]:
    """One row a log record; ids that are none do not cost the record."""
    return {"otel_logs": [_row(*found) for found in _records(request)]}


def wrapped_times(request: ExportLogsServiceRequest) -> list[dict[str, Any]]:
    """What `ingest_errors` says of stored times that wrapped."""
    return [
        wrapped(_time(record), record.trace_id, record.span_id)
        for _, _, record in _records(request)
        if does_not_fit(_time(record))
    ]


def _records(request: ExportLogsServiceRequest) -> Iterator[tuple[ResourceLogs, ScopeLogs, LogRecord]]:
    for of_resource in request.resource_logs:
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                yield of_resource, of_scope, record


def _time(record: LogRecord) -> int:
    return record.time_unix_nano or record.observed_time_unix_nano


def _row(of_resource: ResourceLogs, of_scope: ScopeLogs, record: LogRecord) -> dict[str, Any]:
    resource = attributes(of_resource.resource.attributes)
    return {
        "Timestamp": time(_time(record)),
        "TraceId": trace_id(record.trace_id),
        "SpanId": span_id(record.span_id),
        "TraceFlags": record.flags % 256,
        "SeverityText": record.severity_text,
        "SeverityNumber": record.severity_number if 0 <= record.severity_number <= 255 else 0,
        "ServiceName": resource.get("service.name", ""),
        "Body": text(record.body),
        "ResourceSchemaUrl": of_resource.schema_url,
        "ResourceAttributes": resource,
        "ScopeSchemaUrl": of_scope.schema_url,
        "ScopeName": of_scope.scope.name,
        "ScopeVersion": of_scope.scope.version,
        "ScopeAttributes": attributes(of_scope.scope.attributes),
        "LogAttributes": attributes(record.attributes),
        "EventName": record.event_name,
    } | {f"__otel_materialized_{key}": resource.get(key, "") for key in _MATERIALIZED}
