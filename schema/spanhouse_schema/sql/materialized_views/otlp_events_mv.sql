-- Picks the lifecycle events out of the log records, whoever wrote those: our receiver or a collector's ClickHouse exporter.
-- An event's name is the record's own, or one of the attributes that older SDKs put it in; ours begin with `spanhouse.`.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.otlp_events_mv TO spanhouse.otlp_events AS
SELECT
    TenantId,
    IngestedAt,
    Timestamp,
    TraceId,
    SpanId,
    ServiceName,
    ResourceAttributes,
    LogAttributes,
    Body,
    lower(firstNonDefault(EventName, LogAttributes['event.name'], LogAttributes['event_name'])) AS Name,
    firstNonDefault(
        LogAttributes['spanhouse.event.id'],
        lower(hex(sipHash128(Timestamp, TraceId, SpanId, Name, Body, mapSort(LogAttributes), mapSort(ResourceAttributes))))
    ) AS EventId
FROM spanhouse.otel_logs
WHERE startsWith(Name, 'spanhouse.');
