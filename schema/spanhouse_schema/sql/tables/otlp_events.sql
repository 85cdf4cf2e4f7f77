-- One row is one log record that is a lifecycle event, on its way into execution_events.
-- Written by otlp_events_mv; read by execution_events_mv. It holds nothing, and is there because ClickHouse plans a view only
-- when rows reach it: an INSERT of other log records pays for choosing events, not for reading them.
CREATE TABLE IF NOT EXISTS spanhouse.otlp_events
(
    TenantId LowCardinality(String),
    IngestedAt DateTime64(3),
    Timestamp DateTime64(9),
    TraceId String,
    SpanId String,
    ServiceName LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String),
    LogAttributes Map(LowCardinality(String), String),
    Body String,
    -- The event's, in lower case
    Name String,
    -- The sender's, otherwise a hash of all of the above but whose it is and when it came
    EventId String
)
ENGINE = Null;
