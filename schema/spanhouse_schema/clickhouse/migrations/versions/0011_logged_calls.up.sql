-- Frozen: what changes these tables from here on is another revision.

ALTER TABLE spanhouse.agent_spans ADD COLUMN IF NOT EXISTS FromLog Bool CODEC(ZSTD(1)) AFTER Kind;
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
