"""Metric requests as rows of the five `otel_metrics_*` tables."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    SummaryDataPoint,
)

from tests.reference.ids import does_not_fit, span_id, time, trace_id, wrapped
from tests.reference.values import attributes

Row = dict[str, Any]


def rows(request: ExportMetricsServiceRequest) -> dict[str, list[Row]]:
    """One row a data point, by table; a metric without data or without points is no row."""
    tables: dict[str, list[Row]] = {}
    for of_resource, of_scope, metric in _metrics(request):
        kind = metric.WhichOneof("data")
        if kind is None:
            continue
        data = getattr(metric, kind)
        about_metric = _head(of_resource, of_scope, metric) | _about_data(data)
        for point in data.data_points:
            row = about_metric | _about_point(point) | _POINTS[kind](point)
            tables.setdefault(f"otel_metrics_{kind}", []).append(row)
    return tables


def wrapped_times(request: ExportMetricsServiceRequest) -> list[Row]:
    """What `ingest_errors` says of stored times that wrapped: of points and of exemplars."""
    return [wrapped(unix_nano) for unix_nano in _times(request) if does_not_fit(unix_nano)]


def _times(request: ExportMetricsServiceRequest) -> Iterator[int]:
    for _, _, metric in _metrics(request):
        kind = metric.WhichOneof("data")
        for point in getattr(metric, kind).data_points if kind else ():
            yield point.start_time_unix_nano
            yield point.time_unix_nano
            if kind != "summary":
                yield from (exemplar.time_unix_nano for exemplar in point.exemplars)


def _metrics(request: ExportMetricsServiceRequest) -> Iterator[tuple[ResourceMetrics, ScopeMetrics, Metric]]:
    for of_resource in request.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                yield of_resource, of_scope, metric


def _head(of_resource: ResourceMetrics, of_scope: ScopeMetrics, metric: Metric) -> Row:
    resource = attributes(of_resource.resource.attributes)
    return {
        "ResourceAttributes": resource,
        "ResourceSchemaUrl": of_resource.schema_url,
        "ScopeName": of_scope.scope.name,
        "ScopeVersion": of_scope.scope.version,
        "ScopeAttributes": attributes(of_scope.scope.attributes),
        "ScopeDroppedAttrCount": of_scope.scope.dropped_attributes_count,
        "ScopeSchemaUrl": of_scope.schema_url,
        "ServiceName": resource.get("service.name", ""),
        "MetricName": metric.name,
        "MetricDescription": metric.description,
        "MetricUnit": metric.unit,
    }


def _about_data(data: Any) -> Row:
    columns = {"aggregation_temporality": "AggregationTemporality", "is_monotonic": "IsMonotonic"}
    fields = data.DESCRIPTOR.fields_by_name
    return {column: getattr(data, field) for field, column in columns.items() if field in fields}


def _about_point(point: Any) -> Row:
    return {
        "Attributes": attributes(point.attributes),
        "StartTimeUnix": time(point.start_time_unix_nano),
        "TimeUnix": time(point.time_unix_nano),
        "Flags": point.flags,
    }


def _number(point: NumberDataPoint) -> Row:
    return {"Value": _value(point)} | _exemplars(point.exemplars)


def _histogram(point: HistogramDataPoint) -> Row:
    return {
        "Count": point.count,
        "Sum": point.sum,
        "BucketCounts": list(point.bucket_counts),
        "ExplicitBounds": list(point.explicit_bounds),
        "Min": point.min,
        "Max": point.max,
    } | _exemplars(point.exemplars)


def _exponential_histogram(point: ExponentialHistogramDataPoint) -> Row:
    return {
        "Count": point.count,
        "Sum": point.sum,
        "Scale": point.scale,
        "ZeroCount": point.zero_count,
        "PositiveOffset": point.positive.offset,
        "PositiveBucketCounts": list(point.positive.bucket_counts),
        "NegativeOffset": point.negative.offset,
        "NegativeBucketCounts": list(point.negative.bucket_counts),
        "Min": point.min,
        "Max": point.max,
    } | _exemplars(point.exemplars)


def _summary(point: SummaryDataPoint) -> Row:
    return {
        "Count": point.count,
        "Sum": point.sum,
        "ValueAtQuantiles.Quantile": [at.quantile for at in point.quantile_values],
        "ValueAtQuantiles.Value": [at.value for at in point.quantile_values],
    }


def _exemplars(exemplars: Iterable[Exemplar]) -> Row:
    found = list(exemplars)
    return {
        "Exemplars.FilteredAttributes": [attributes(exemplar.filtered_attributes) for exemplar in found],
        "Exemplars.TimeUnix": [time(exemplar.time_unix_nano) for exemplar in found],
        "Exemplars.Value": [_value(exemplar) for exemplar in found],
        "Exemplars.SpanId": [span_id(exemplar.span_id) for exemplar in found],
        "Exemplars.TraceId": [trace_id(exemplar.trace_id) for exemplar in found],
    }


def _value(measured: NumberDataPoint | Exemplar) -> float:
    """Integers become Float64 as they do in the exporter: what is past 2^53 is rounded."""
    return float(measured.as_int) if measured.WhichOneof("value") == "as_int" else measured.as_double


_POINTS: Mapping[str, Callable[[Any], Row]] = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential_histogram,
    "summary": _summary,
}
