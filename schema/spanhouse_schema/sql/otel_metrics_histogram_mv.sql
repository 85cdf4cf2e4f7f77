-- Flattens the histogram points of OTLP metrics requests into one row a point.
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
    MetricName,
    MetricDescription,
    MetricUnit,
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
    AggregationTemporality,
    TenantId,
    IngestedAt
FROM
(
    SELECT
        * EXCEPT metric,
        metric.name AS MetricName,
        metric.description AS MetricDescription,
        metric.unit AS MetricUnit,
        metric.histogram.aggregation_temporality AS AggregationTemporality,
        arrayJoin(metric.histogram.data_points) AS point
    FROM
    (
        SELECT
            TenantId,
            IngestedAt,
            ResourceAttributes,
            ResourceSchemaUrl,
            scope_metrics.scope.name AS ScopeName,
            scope_metrics.scope.version AS ScopeVersion,
            otlp_attributes(scope_metrics.scope.attributes) AS ScopeAttributes,
            scope_metrics.scope.dropped_attributes_count AS ScopeDroppedAttrCount,
            scope_metrics.schema_url AS ScopeSchemaUrl,
            arrayJoin(scope_metrics.metrics) AS metric
        FROM
        (
            SELECT
                TenantId,
                IngestedAt,
                otlp_attributes(resource_metrics.resource.attributes) AS ResourceAttributes,
                resource_metrics.schema_url AS ResourceSchemaUrl,
                arrayJoin(resource_metrics.scope_metrics) AS scope_metrics
            FROM
            (
                SELECT
                    tenant AS TenantId,
                    toDateTime64(otlp_time(received_unix_nano), 3) AS IngestedAt,
                    arrayJoin(request.resource_metrics) AS resource_metrics
                FROM spanhouse.otlp_metrics
            )
        )
    )
);
