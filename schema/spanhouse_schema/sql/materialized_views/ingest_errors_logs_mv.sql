-- What was refused of OTLP logs requests, and what was stored with a time that its column can only hold wrapped.
-- (Only the times and ids are read here, never whole records: flattening those again would double the cost of an INSERT.)
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.ingest_errors_logs_mv TO spanhouse.ingest_errors AS
SELECT
    toDateTime64(otlp_time(received_unix_nano), 3) AS IngestedAt,
    tenant AS TenantId,
    'logs' AS Signal,
    error.1 AS Reason,
    error.2 AS Item,
    otlp_trace_id(error.3) AS TraceId,
    otlp_span_id(error.4) AS SpanId,
    lower(hex(digest)) AS Digest
FROM
(
    SELECT
        tenant,
        received_unix_nano,
        digest,
        arrayJoin(arrayConcat(
            arrayMap(refusal -> (refusal.reason, refusal.item, '', ''), refused),
            arrayMap(
                late -> (concat('time out of range, stored wrapped: ', toString(late.1)), '', late.2, late.3),
                arrayFilter(
                    late -> late.1 > 9223372036854775807,
                    arrayZip(
                        arrayMap((time, observed) -> if(time = 0, observed, time), arrayFlatten(request.resource_logs.scope_logs.log_records.time_unix_nano), arrayFlatten(request.resource_logs.scope_logs.log_records.observed_time_unix_nano)),
                        arrayFlatten(request.resource_logs.scope_logs.log_records.trace_id),
                        arrayFlatten(request.resource_logs.scope_logs.log_records.span_id)
                    )
                )
            )
        )) AS error
    FROM spanhouse.otlp_logs
);
