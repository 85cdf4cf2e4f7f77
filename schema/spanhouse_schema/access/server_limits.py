"""What a tenant's user on a ClickHouse server may use, and which settings are theirs: a settings profile, a quota."""

from typing import NamedTuple

_GIB = 1024**3

# What clients send, Grafana's ad hoc filters among it. Not with them: what names a file or a URL, as
# `output_format_schema` and `format_avro_schema_registry_url` do, and what loosens a limit.
CHANGEABLE = (
    "additional_table_filters",
    "cancel_http_readonly_queries_on_client_close",
    "date_time_output_format",
    "enable_http_compression",
    "extremes",
    "format_csv_delimiter",
    "format_csv_null_representation",
    "format_tsv_null_representation",
    "http_headers_progress_interval_ms",
    "http_zlib_compression_level",
    "join_use_nulls",
    "limit",
    "log_comment",
    "offset",
    "output_format_arrow_compression_method",
    "output_format_arrow_low_cardinality_as_dictionary",
    "output_format_arrow_string_as_string",
    "output_format_csv_crlf_end_of_line",
    "output_format_decimal_trailing_zeros",
    "output_format_json_array_of_rows",
    "output_format_json_named_tuples_as_objects",
    "output_format_json_quote_64bit_floats",
    "output_format_json_quote_64bit_integers",
    "output_format_json_quote_decimals",
    "output_format_json_quote_denormals",
    "output_format_json_validate_utf8",
    "output_format_parquet_compression_method",
    "output_format_parquet_string_as_string",
    "output_format_pretty_color",
    "output_format_pretty_max_rows",
    "output_format_pretty_max_value_width",
    "output_format_pretty_row_numbers",
    "output_format_tsv_crlf_end_of_line",
    "output_format_write_statistics",
    "result_overflow_mode",
    "send_progress_in_http_headers",
    "session_timezone",
)


class Limits(NamedTuple):
    """What one tenant's user may use. Those of a statement first, then those of an hour.

    A statement may ask for other seconds, result rows and result bytes than the default, up to the most; a value past
    that is refused by the server, not lowered.
    """

    seconds: int = 60
    # Grafana asks for a few seconds more than its own timeout, which is 60 by default.
    most_seconds: int = 300
    result_rows: int = 10_000_000
    most_result_rows: int = 1_000_000_000
    result_bytes: int = 4 * _GIB
    most_result_bytes: int = 64 * _GIB
    memory_bytes: int = 4 * _GIB
    read_rows: int = 20_000_000_000
    read_bytes: int = 1024 * _GIB
    concurrent: int = 8
    memory_bytes_together: int = 8 * _GIB
    hourly_statements: int = 20_000
    hourly_read_rows: int = 200_000_000_000
    hourly_seconds: int = 2 * 3600


def profile_settings(limits: Limits) -> str:
    """The settings of the profile, as `ALTER SETTINGS PROFILE … SETTINGS` takes them.

    With `readonly` at 1 a user changes nothing but what is said to be changeable. There 0 would be no limit at all,
    hence the minimum of 1.
    """
    return ", ".join(
        (
            "readonly = 1",
            _within("max_execution_time", limits.seconds, limits.most_seconds),
            _within("max_result_rows", limits.result_rows, limits.most_result_rows),
            _within("max_result_bytes", limits.result_bytes, limits.most_result_bytes),
            f"max_memory_usage = {limits.memory_bytes}",
            f"max_memory_usage_for_user = {limits.memory_bytes_together}",
            f"max_rows_to_read = {limits.read_rows}",
            f"max_bytes_to_read = {limits.read_bytes}",
            f"max_concurrent_queries_for_user = {limits.concurrent}",
            *(f"{name} CHANGEABLE_IN_READONLY" for name in CHANGEABLE),
        )
    )


def quota_limits(limits: Limits) -> str:
    """The limits of the quota, each user's by itself, as `ALTER QUOTA` takes them."""
    return (
        f"KEYED BY user_name FOR INTERVAL 1 hour MAX queries = {limits.hourly_statements}, "
        f"read_rows = {limits.hourly_read_rows}, execution_time = {limits.hourly_seconds}"
    )


def _within(setting: str, default: int, most: int) -> str:
    return f"{setting} = {default} MIN 1 MAX {most} CHANGEABLE_IN_READONLY"
