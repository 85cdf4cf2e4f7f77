-- Unfolds the summary points of each resource and scope into one row a point.
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
    metric.name AS MetricName,
    metric.description AS MetricDescription,
    metric.unit AS MetricUnit,
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
FROM spanhouse.otlp_scope_metrics
ARRAY JOIN metrics AS metric
ARRAY JOIN metric.summary.data_points AS point;
