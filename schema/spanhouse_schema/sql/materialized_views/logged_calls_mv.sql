-- Picks out the log records that may tell of a call of a model or a tool: coding agents send those, and no spans by default.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.logged_calls_mv TO spanhouse.logged_calls AS
SELECT
    TenantId, IngestedAt, Timestamp, TraceId, SpanId, ServiceName, ScopeName, ResourceAttributes, LogAttributes, EventName, Body
FROM spanhouse.otel_logs
WHERE hasAny({LoggedEvents}, [EventName, LogAttributes['event.name'], LogAttributes['event_name'], Body]);
