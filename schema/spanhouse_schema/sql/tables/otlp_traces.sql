-- One row is one OTLP traces request on its way in; nothing is kept (ENGINE = Null).
-- Written by the loader (FORMAT Protobuf, message TracesEnvelope); read by otlp_scope_spans_mv and ingest_errors_traces_mv.
CREATE TABLE IF NOT EXISTS spanhouse.otlp_traces
(
    tenant LowCardinality(String),
    received_unix_nano UInt64,
    digest String,
    refused Array(Tuple(reason String, item String)),
    request Tuple(
        resource_spans Array(Tuple(
            resource {resource},
            schema_url String,
            scope_spans Array(Tuple(scope {scope}, schema_url String, spans Array({span})))
        ))
    )
)
ENGINE = Null;
