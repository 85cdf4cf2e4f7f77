-- One row is one OTLP trace request on its way in; nothing is kept (ENGINE = Null).
-- Written by the loader (FORMAT Protobuf, message TracesEnvelope); read by otel_traces_mv and ingest_errors_traces_mv.
CREATE TABLE IF NOT EXISTS spanhouse.otlp_traces
(
    tenant LowCardinality(String),
    received_unix_nano UInt64,
    digest String,
    refused Array(Tuple(reason String, item String)),
    request Tuple(
        resource_spans Array(Tuple(
            resource Tuple(attributes {attributes}),
            schema_url String,
            scope_spans Array(Tuple(
                scope Tuple(name String, version String, attributes {attributes}),
                schema_url String,
                spans Array(Tuple(
                    trace_id String,
                    span_id String,
                    trace_state String,
                    parent_span_id String,
                    name LowCardinality(String),
                    kind Int32,
                    start_time_unix_nano UInt64,
                    end_time_unix_nano UInt64,
                    attributes {attributes},
                    dropped_attributes_count UInt32,
                    events Array(Tuple(
                        time_unix_nano UInt64,
                        name LowCardinality(String),
                        attributes {attributes}
                    )),
                    dropped_events_count UInt32,
                    links Array(Tuple(
                        trace_id String,
                        span_id String,
                        trace_state String,
                        attributes {attributes}
                    )),
                    dropped_links_count UInt32,
                    status Tuple(message String, code Int32),
                    flags UInt32
                ))
            ))
        ))
    )
)
ENGINE = Null;
