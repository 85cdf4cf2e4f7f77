-- One row is one OTLP logs request on its way in; nothing is kept (ENGINE = Null).
-- Written by the loader (FORMAT Protobuf, message LogsEnvelope); read by otel_logs_mv and ingest_errors_logs_mv.
CREATE TABLE IF NOT EXISTS spanhouse.otlp_logs
(
    tenant LowCardinality(String),
    received_unix_nano UInt64,
    digest String,
    refused Array(Tuple(reason String, item String)),
    request Tuple(
        resource_logs Array(Tuple(
            resource Tuple(attributes {attributes}),
            schema_url String,
            scope_logs Array(Tuple(
                scope Tuple(name String, version String, attributes {attributes}),
                schema_url String,
                log_records Array(Tuple(
                    time_unix_nano UInt64,
                    observed_time_unix_nano UInt64,
                    severity_number Int32,
                    severity_text LowCardinality(String),
                    body {any_value},
                    attributes {attributes},
                    flags UInt32,
                    trace_id String,
                    span_id String,
                    event_name String
                ))
            ))
        ))
    )
)
ENGINE = Null;
