-- One row is one span that says something of a session, a task, an output or its agent, on its way into record_statements.
-- Written by record_spans_mv; read by record_statements_mv. It holds nothing, and is there because ClickHouse plans a view
-- only when rows reach it: an INSERT of other spans pays for choosing spans, not for reading them.
CREATE TABLE IF NOT EXISTS spanhouse.record_spans
(
    TenantId LowCardinality(String),
    Timestamp DateTime64(9),
    Duration UInt64,
    TraceId String,
    SpanId String,
    ServiceName LowCardinality(String),
    StatusCode LowCardinality(String),
    StatusMessage String,
    ResourceAttributes Map(LowCardinality(String), String),
    SpanAttributes Map(LowCardinality(String), String),
    IngestedAt DateTime64(3)
)
ENGINE = Null;
