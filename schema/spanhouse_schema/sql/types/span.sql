-- A Span.
Tuple(
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
    events Array(Tuple(time_unix_nano UInt64, name LowCardinality(String), attributes {attributes})),
    dropped_events_count UInt32,
    links Array(Tuple(trace_id String, span_id String, trace_state String, attributes {attributes})),
    dropped_links_count UInt32,
    status Tuple(message String, code Int32),
    flags UInt32
)
