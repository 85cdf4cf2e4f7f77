-- Unfolds OTLP traces requests into one row a resource and scope.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.otlp_scope_spans_mv TO spanhouse.otlp_scope_spans AS
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
    scoped.spans AS spans
FROM spanhouse.otlp_traces
ARRAY JOIN request.resource_spans AS resourced
ARRAY JOIN resourced.scope_spans AS scoped;
