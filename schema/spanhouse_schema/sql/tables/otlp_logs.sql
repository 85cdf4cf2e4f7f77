-- One row is one OTLP logs request on its way in; nothing is kept (ENGINE = Null).
-- Written by the loader (FORMAT Protobuf, message LogsEnvelope); read by otlp_scope_logs_mv and ingest_errors_logs_mv.
CREATE TABLE IF NOT EXISTS spanhouse.otlp_logs
(
    tenant LowCardinality(String),
    received_unix_nano UInt64,
    digest String,
    refused Array(Tuple(reason String, item String)),
    request Tuple(
        resource_logs Array(Tuple(
            resource {resource},
            schema_url String,
            scope_logs Array(Tuple(scope {scope}, schema_url String, log_records Array({log_record})))
        ))
    )
)
ENGINE = Null;
