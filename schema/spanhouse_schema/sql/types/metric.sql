-- A Metric: of its five kinds of data one has points.
Tuple(
    name LowCardinality(String),
    description String,
    unit String,
    gauge Tuple(data_points {number_points}),
    sum Tuple(data_points {number_points}, aggregation_temporality Int32, is_monotonic Bool),
    histogram Tuple(
        data_points Array(Tuple(
            attributes {attributes},
            start_time_unix_nano UInt64,
            time_unix_nano UInt64,
            count UInt64,
            sum Float64,
            bucket_counts Array(UInt64),
            explicit_bounds Array(Float64),
            min Float64,
            max Float64,
            flags UInt32,
            exemplars {exemplars}
        )),
        aggregation_temporality Int32
    ),
    exponential_histogram Tuple(
        data_points Array(Tuple(
            attributes {attributes},
            start_time_unix_nano UInt64,
            time_unix_nano UInt64,
            count UInt64,
            sum Float64,
            scale Int32,
            zero_count UInt64,
            positive Tuple(offset Int32, bucket_counts Array(UInt64)),
            negative Tuple(offset Int32, bucket_counts Array(UInt64)),
            min Float64,
            max Float64,
            flags UInt32,
            exemplars {exemplars}
        )),
        aggregation_temporality Int32
    ),
    summary Tuple(
        data_points Array(Tuple(
            attributes {attributes},
            start_time_unix_nano UInt64,
            time_unix_nano UInt64,
            count UInt64,
            sum Float64,
            quantile_values Array(Tuple(quantile Float64, value Float64)),
            flags UInt32
        ))
    )
)
