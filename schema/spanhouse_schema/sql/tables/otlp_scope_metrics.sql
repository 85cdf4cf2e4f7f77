-- One row is the metrics of one resource and scope on their way in, both already columns; nothing is kept (ENGINE = Null).
-- A step between requests and rows: in one view, ClickHouse would take four times as long to plan each INSERT.
-- Written by otlp_scope_metrics_mv; read by the otel_metrics_*_mv.
CREATE TABLE IF NOT EXISTS spanhouse.otlp_scope_metrics
(
    TenantId LowCardinality(String),
    IngestedAt DateTime64(3),
    ResourceAttributes Map(LowCardinality(String), String),
    ResourceSchemaUrl String,
    ScopeName String,
    ScopeVersion String,
    ScopeAttributes Map(LowCardinality(String), String),
    ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl String,
    metrics Array({metric})
)
ENGINE = Null;
