-- What was refused of OTLP traces requests, and what was stored with a time that its column can only hold wrapped, or without its end.
-- (Only the times and ids are read here, never whole spans: flattening those again would double the cost of an INSERT.)
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.ingest_errors_traces_mv TO spanhouse.ingest_errors AS
SELECT
    toDateTime64(otlp_time(received_unix_nano), 3) AS IngestedAt,
    tenant AS TenantId,
    'traces' AS Signal,
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
                        arrayFlatten(request.resource_spans.scope_spans.spans.start_time_unix_nano),
                        arrayFlatten(request.resource_spans.scope_spans.spans.trace_id),
                        arrayFlatten(request.resource_spans.scope_spans.spans.span_id)
                    )
                )
            ),
            arrayMap(
                odd -> (
                    multiIf(
                        odd.1 = 0, 'the span has no end: duration 0',
                        odd.1 < odd.2, concat('the span ends before it begins: duration 0: ', toString(odd.1)),
                        concat('end out of range: duration 0: ', toString(odd.1))
                    ),
                    '', odd.3, odd.4
                ),
                arrayFilter(
                    odd -> NOT otlp_end_is_known(odd.2, odd.1),
                    arrayZip(
                        arrayFlatten(request.resource_spans.scope_spans.spans.end_time_unix_nano),
                        arrayFlatten(request.resource_spans.scope_spans.spans.start_time_unix_nano),
                        arrayFlatten(request.resource_spans.scope_spans.spans.trace_id),
                        arrayFlatten(request.resource_spans.scope_spans.spans.span_id)
                    )
                )
            ),
            arrayMap(
                unix_nano -> (concat('time out of range, stored wrapped: ', toString(unix_nano)), '', '', ''),
                arrayFilter(
                    unix_nano -> unix_nano > 9223372036854775807,
                    arrayFlatten(request.resource_spans.scope_spans.spans.events.time_unix_nano)
                )
            )
        )) AS error
    FROM spanhouse.otlp_traces
);
