-- What was refused of OTLP metrics requests, and what was stored with a time that its column can only hold wrapped.
-- (Only the times and ids are read here, never whole points: flattening those again would double the cost of an INSERT.)
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.ingest_errors_metrics_mv TO spanhouse.ingest_errors AS
SELECT
    toDateTime64(otlp_time(received_unix_nano), 3) AS IngestedAt,
    tenant AS TenantId,
    'metrics' AS Signal,
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
                unix_nano -> (concat('time out of range, stored wrapped: ', toString(unix_nano)), '', '', ''),
                arrayFilter(
                    unix_nano -> unix_nano > 9223372036854775807,
                    arrayConcat(
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.gauge.data_points.start_time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.gauge.data_points.time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.gauge.data_points.exemplars.time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.sum.data_points.start_time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.sum.data_points.time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.sum.data_points.exemplars.time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.histogram.data_points.start_time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.histogram.data_points.time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.histogram.data_points.exemplars.time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.exponential_histogram.data_points.start_time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.exponential_histogram.data_points.time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.exponential_histogram.data_points.exemplars.time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.summary.data_points.start_time_unix_nano),
                        arrayFlatten(request.resource_metrics.scope_metrics.metrics.summary.data_points.time_unix_nano)
                    )
                )
            )
        )) AS error
    FROM spanhouse.otlp_metrics
);
