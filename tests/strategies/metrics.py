"""Hypothesis strategies for metric requests."""

from typing import Any, TypeVar

from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
    Summary,
    SummaryDataPoint,
)

from tests.strategies.values import (
    any_ids,
    attributes,
    doubles,
    enums,
    int32,
    int64,
    resources,
    scopes,
    several,
    texts,
    times,
    uint32,
    uint64,
)

_Measured = TypeVar("_Measured", NumberDataPoint, Exemplar)


def requests(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[ExportMetricsServiceRequest]:
    """Metric requests of every kind whose attributes have `values`."""
    scope_metrics = st.builds(
        ScopeMetrics, scope=scopes(values), metrics=several(_metrics(values), 3), schema_url=texts
    )
    resource_metrics = st.builds(
        ResourceMetrics,
        resource=resources(values),
        scope_metrics=several(scope_metrics, 2),
        schema_url=texts,
    )
    return st.builds(ExportMetricsServiceRequest, resource_metrics=several(resource_metrics, 2))


def _metrics(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[Metric]:
    head = {"name": texts, "description": texts, "unit": texts, "metadata": attributes(values)}
    numbers = several(_number_points(values), 2)
    histograms = several(_histogram_points(values), 2)
    exponentials = several(_exponential_points(values), 2)
    summaries = several(_summary_points(values), 2)
    temporality = enums(0, 1, 2)
    sums = st.builds(Sum, data_points=numbers, aggregation_temporality=temporality, is_monotonic=st.booleans())
    return st.one_of(
        st.builds(Metric, **head),
        st.builds(Metric, gauge=st.builds(Gauge, data_points=numbers), **head),
        st.builds(Metric, sum=sums, **head),
        st.builds(
            Metric,
            histogram=st.builds(Histogram, data_points=histograms, aggregation_temporality=temporality),
            **head,
        ),
        st.builds(
            Metric,
            exponential_histogram=st.builds(
                ExponentialHistogram, data_points=exponentials, aggregation_temporality=temporality
            ),
            **head,
        ),
        st.builds(Metric, summary=st.builds(Summary, data_points=summaries), **head),
    )


def _exemplars(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[Exemplar]:
    return _measured(
        Exemplar,
        time_unix_nano=times,
        span_id=any_ids(8),
        trace_id=any_ids(16),
        filtered_attributes=attributes(values),
    )


def _number_points(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[NumberDataPoint]:
    return _measured(
        NumberDataPoint,
        attributes=attributes(values),
        start_time_unix_nano=times,
        time_unix_nano=times,
        exemplars=st.lists(_exemplars(values), max_size=2),
        flags=uint32,
    )


def _measured(message: type[_Measured], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[_Measured]:
    return st.one_of(
        st.builds(message, **fields),
        st.builds(message, as_int=int64, **fields),
        st.builds(message, as_double=doubles, **fields),
    )


def _histogram_points(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[HistogramDataPoint]:
    return st.builds(
        HistogramDataPoint,
        attributes=attributes(values),
        start_time_unix_nano=times,
        time_unix_nano=times,
        count=uint64,
        sum=st.none() | doubles,
        bucket_counts=st.lists(uint64, max_size=3),
        explicit_bounds=st.lists(doubles, max_size=3),
        exemplars=st.lists(_exemplars(values), max_size=2),
        flags=uint32,
        min=st.none() | doubles,
        max=st.none() | doubles,
    )


def _exponential_points(
    values: st.SearchStrategy[AnyValue],
) -> st.SearchStrategy[ExponentialHistogramDataPoint]:
    buckets = st.none() | st.builds(
        ExponentialHistogramDataPoint.Buckets, offset=int32, bucket_counts=st.lists(uint64, max_size=3)
    )
    return st.builds(
        ExponentialHistogramDataPoint,
        attributes=attributes(values),
        start_time_unix_nano=times,
        time_unix_nano=times,
        count=uint64,
        sum=st.none() | doubles,
        scale=int32,
        zero_count=uint64,
        positive=buckets,
        negative=buckets,
        flags=uint32,
        exemplars=st.lists(_exemplars(values), max_size=2),
        min=st.none() | doubles,
        max=st.none() | doubles,
        zero_threshold=doubles,
    )


def _summary_points(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[SummaryDataPoint]:
    quantile = st.builds(SummaryDataPoint.ValueAtQuantile, quantile=doubles, value=doubles)
    return st.builds(
        SummaryDataPoint,
        attributes=attributes(values),
        start_time_unix_nano=times,
        time_unix_nano=times,
        count=uint64,
        sum=doubles,
        quantile_values=st.lists(quantile, max_size=3),
        flags=uint32,
    )
