-- One row is one OTLP metrics request on its way in; nothing is kept (ENGINE = Null).
-- Written by the loader (FORMAT Protobuf, message MetricsEnvelope); read by the otel_metrics_*_mv and ingest_errors_metrics_mv.
CREATE TABLE IF NOT EXISTS spanhouse.otlp_metrics
(
    tenant LowCardinality(String),
    received_unix_nano UInt64,
    digest String,
    refused Array(Tuple(reason String, item String)),
    request Tuple(
        resource_metrics Array(Tuple(
            resource Tuple(attributes {attributes}),
            schema_url String,
            scope_metrics Array(Tuple(
                scope Tuple(name String, version String, attributes {attributes}, dropped_attributes_count UInt32),
                schema_url String,
                metrics Array(Tuple(
                    name LowCardinality(String),
                    description String,
                    unit String,
                    gauge Tuple(data_points Array(Tuple(
                        attributes {attributes}, start_time_unix_nano UInt64, time_unix_nano UInt64,
                        value {point_number}, as_double Float64, as_int Int64, flags UInt32,
                        exemplars Array(Tuple(
                            time_unix_nano UInt64, value {exemplar_number}, as_double Float64, as_int Int64,
                            span_id String, trace_id String, filtered_attributes {attributes}
                        ))
                    ))),
                    sum Tuple(data_points Array(Tuple(
                        attributes {attributes}, start_time_unix_nano UInt64, time_unix_nano UInt64,
                        value {point_number}, as_double Float64, as_int Int64, flags UInt32,
                        exemplars Array(Tuple(
                            time_unix_nano UInt64, value {exemplar_number}, as_double Float64, as_int Int64,
                            span_id String, trace_id String, filtered_attributes {attributes}
                        ))
                    )), aggregation_temporality Int32, is_monotonic Bool),
                    histogram Tuple(data_points Array(Tuple(
                        attributes {attributes}, start_time_unix_nano UInt64, time_unix_nano UInt64,
                        count UInt64, sum Float64, bucket_counts Array(UInt64), explicit_bounds Array(Float64),
                        min Float64, max Float64, flags UInt32,
                        exemplars Array(Tuple(
                            time_unix_nano UInt64, value {exemplar_number}, as_double Float64, as_int Int64,
                            span_id String, trace_id String, filtered_attributes {attributes}
                        ))
                    )), aggregation_temporality Int32),
                    exponential_histogram Tuple(data_points Array(Tuple(
                        attributes {attributes}, start_time_unix_nano UInt64, time_unix_nano UInt64,
                        count UInt64, sum Float64, scale Int32, zero_count UInt64,
                        positive Tuple(offset Int32, bucket_counts Array(UInt64)),
                        negative Tuple(offset Int32, bucket_counts Array(UInt64)),
                        min Float64, max Float64, flags UInt32,
                        exemplars Array(Tuple(
                            time_unix_nano UInt64, value {exemplar_number}, as_double Float64, as_int Int64,
                            span_id String, trace_id String, filtered_attributes {attributes}
                        ))
                    )), aggregation_temporality Int32),
                    summary Tuple(data_points Array(Tuple(
                        attributes {attributes}, start_time_unix_nano UInt64, time_unix_nano UInt64,
                        count UInt64, sum Float64, quantile_values Array(Tuple(quantile Float64, value Float64)), flags UInt32
                    )))
                ))
            ))
        ))
    )
)
ENGINE = Null;
