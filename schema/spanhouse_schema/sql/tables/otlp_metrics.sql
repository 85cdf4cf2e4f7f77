-- One row is one OTLP metrics request on its way in; nothing is kept (ENGINE = Null).
-- Written by the loader (FORMAT Protobuf, message MetricsEnvelope); read by otlp_scope_metrics_mv and ingest_errors_metrics_mv.
CREATE TABLE IF NOT EXISTS spanhouse.otlp_metrics
(
    tenant LowCardinality(String),
    received_unix_nano UInt64,
    digest String,
    refused Array(Tuple(reason String, item String)),
    request Tuple(
        resource_metrics Array(Tuple(
            resource {resource},
            schema_url String,
            scope_metrics Array(Tuple(scope {scope}, schema_url String, metrics Array({metric})))
        ))
    )
)
ENGINE = Null;
