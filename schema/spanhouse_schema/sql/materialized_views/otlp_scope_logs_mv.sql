-- Unfolds OTLP logs requests into one row a resource and scope.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.otlp_scope_logs_mv TO spanhouse.otlp_scope_logs AS
WITH arrayMap(attributes -> otlp_attributes(attributes), [resourced.resource.attributes, scoped.scope.attributes]) AS maps
SELECT
    tenant AS TenantId,
    toDateTime64(otlp_time(received_unix_nano), 3) AS IngestedAt,
    maps[1] AS ResourceAttributes,
    resourced.schema_url AS ResourceSchemaUrl,
    scoped.scope.name AS ScopeName,
    scoped.scope.version AS ScopeVersion,
    maps[2] AS ScopeAttributes,
    scoped.schema_url AS ScopeSchemaUrl,
    scoped.log_records AS log_records
FROM spanhouse.otlp_logs
ARRAY JOIN request.resource_logs AS resourced
ARRAY JOIN resourced.scope_logs AS scoped;
