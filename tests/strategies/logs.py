"""Hypothesis strategies for log requests."""

from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from tests.strategies.values import any_ids, attributes, enums, resources, scopes, several, texts, times, uint32


def requests(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[ExportLogsServiceRequest]:
    """Log requests whose attributes and bodies have `values`."""
    record = st.builds(
        LogRecord,
        time_unix_nano=times,
        observed_time_unix_nano=times,
        severity_number=enums(*range(25)),
        severity_text=texts,
        body=st.none() | values,
        attributes=attributes(values),
        dropped_attributes_count=uint32,
        flags=uint32,
        trace_id=any_ids(16),
        span_id=any_ids(8),
        event_name=texts,
    )
    scope_logs = st.builds(ScopeLogs, scope=scopes(values), log_records=several(record, 3), schema_url=texts)
    resource_logs = st.builds(
        ResourceLogs, resource=resources(values), scope_logs=several(scope_logs, 2), schema_url=texts
    )
    return st.builds(ExportLogsServiceRequest, resource_logs=several(resource_logs, 2))
