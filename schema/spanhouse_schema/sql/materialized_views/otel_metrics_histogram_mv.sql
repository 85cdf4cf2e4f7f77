-- Unfolds the histogram points of each resource and scope into one row a point.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.otel_metrics_histogram_mv TO spanhouse.otel_metrics_histogram AS
SELECT
    ResourceAttributes,
    ResourceSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    ScopeDroppedAttrCount,
    ScopeSchemaUrl,
    ResourceAttributes['service.name'] AS ServiceName,
    metric.name AS MetricName,
    metric.description AS MetricDescription,
    metric.unit AS MetricUnit,
    otlp_attributes(point.attributes) AS Attributes,
    otlp_time(point.start_time_unix_nano) AS StartTimeUnix,
    otlp_time(point.time_unix_nano) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.bucket_counts AS BucketCounts,
    point.explicit_bounds AS ExplicitBounds,
    arrayMap(attributes -> otlp_attributes(attributes), point.exemplars.filtered_attributes) AS `Exemplars.FilteredAttributes`,
    arrayMap(unix_nano -> otlp_time(unix_nano), point.exemplars.time_unix_nano) AS `Exemplars.TimeUnix`,
    arrayMap(exemplar -> multiIf(exemplar.value = 'as_double', exemplar.as_double, exemplar.value = 'as_int', toFloat64(exemplar.as_int), 0.), point.exemplars) AS `Exemplars.Value`,
    arrayMap(id -> otlp_span_id(id), point.exemplars.span_id) AS `Exemplars.SpanId`,
    arrayMap(id -> otlp_trace_id(id), point.exemplars.trace_id) AS `Exemplars.TraceId`,
    point.flags AS Flags,
    point.min AS Min,
    point.max AS Max,
    metric.histogram.aggregation_temporality AS AggregationTemporality,
    TenantId,
    IngestedAt
FROM spanhouse.otlp_scope_metrics
ARRAY JOIN metrics AS metric
ARRAY JOIN metric.histogram.data_points AS point;
