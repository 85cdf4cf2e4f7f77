-- Unfolds OTLP metrics requests into one row a resource and scope.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.otlp_scope_metrics_mv TO spanhouse.otlp_scope_metrics AS
WITH arrayMap(attributes -> otlp_attributes(attributes), [resourced.resource.attributes, scoped.scope.attributes]) AS maps
SELECT
    tenant AS TenantId,
    toDateTime64(otlp_time(received_unix_nano), 3) AS IngestedAt,
    maps[1] AS ResourceAttributes,
    resourced.schema_url AS ResourceSchemaUrl,
    scoped.scope.name AS ScopeName,
    scoped.scope.version AS ScopeVersion,
    maps[2] AS ScopeAttributes,
    scoped.scope.dropped_attributes_count AS ScopeDroppedAttrCount,
    scoped.schema_url AS ScopeSchemaUrl,
    scoped.metrics AS metrics
FROM spanhouse.otlp_metrics
ARRAY JOIN request.resource_metrics AS resourced
ARRAY JOIN resourced.scope_metrics AS scoped;
