-- One row is one log record that may tell of a call of a model or a tool, on its way into agent_spans.
-- Written by logged_calls_mv; read by logged_spans_mv. It holds nothing, and is there because ClickHouse plans a view only
-- when rows reach it: an INSERT of other log records pays for choosing, not for reading.
CREATE TABLE IF NOT EXISTS spanhouse.logged_calls
(
    TenantId LowCardinality(String),
    IngestedAt DateTime64(3),
    Timestamp DateTime64(9),
    TraceId String,
    SpanId String,
    ServiceName LowCardinality(String),
    ScopeName String,
    ResourceAttributes Map(LowCardinality(String), String),
    LogAttributes Map(LowCardinality(String), String),
    EventName String,
    Body String
)
ENGINE = Null;
