-- Flattens the summary points of OTLP metrics requests into one row a point.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.otel_metrics_summary_mv TO spanhouse.otel_metrics_summary AS
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
    point.quantile_values.quantile AS `ValueAtQuantiles.Quantile`,
    point.quantile_values.value AS `ValueAtQuantiles.Value`,
    point.flags AS Flags,
    TenantId,
    IngestedAt
FROM
(
    SELECT
        * EXCEPT metric,
        metric.name AS MetricName,
        metric.description AS MetricDescription,
        metric.unit AS MetricUnit,
        arrayJoin(metric.summary.data_points) AS point
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
