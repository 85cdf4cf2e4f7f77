-- A LogRecord.
Tuple(
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
)
