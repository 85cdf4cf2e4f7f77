-- Unfolds OTLP traces requests into one row a resource and scope.
-- (tupleElement: see otel_traces_mv.sql.)
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.otlp_scope_spans_mv TO spanhouse.otlp_scope_spans AS
WITH arrayMap(attributes -> otlp_attributes(attributes), [tupleElement(tupleElement(resourced, 'resource'), 'attributes'), tupleElement(tupleElement(scoped, 'scope'), 'attributes')]) AS maps
SELECT
    tenant AS TenantId,
    toDateTime64(otlp_time(received_unix_nano), 3) AS IngestedAt,
    maps[1] AS ResourceAttributes,
    tupleElement(resourced, 'schema_url') AS ResourceSchemaUrl,
    tupleElement(tupleElement(scoped, 'scope'), 'name') AS ScopeName,
    tupleElement(tupleElement(scoped, 'scope'), 'version') AS ScopeVersion,
    maps[2] AS ScopeAttributes,
    tupleElement(scoped, 'schema_url') AS ScopeSchemaUrl,
    tupleElement(scoped, 'spans') AS spans
FROM spanhouse.otlp_traces
ARRAY JOIN request.resource_spans AS resourced
ARRAY JOIN resourced.scope_spans AS scoped;
