"""How a segment of the spool is read into ClickHouse: the settings of the loader's INSERT."""

from spanhouse_schema.clickhouse import sql_files


def insert_settings(signal: str) -> dict[str, str | int]:
    """The settings of an INSERT of `signal` ("traces", "logs" or "metrics") into its `otlp_*` table, FORMAT Protobuf.

    The loader writes them down before the INSERT, so that a replay after an upgrade is still the same INSERT.
    The deduplication token is the loader's to add.
    """
    return {
        "format_schema_source": "string",
        "format_schema": sql_files.read("otlp.proto"),
        "format_schema_message_name": f"{signal.capitalize()}Envelope",
        "input_format_protobuf_oneof_presence": 1,  # tells int 0, false and '' from "not set"
        # One source block per segment: the parse is atomic.
        "max_insert_block_size": 1_048_449,
        "max_insert_block_size_bytes": 0,
        # And one block per table, however many rows: deduplication counts blocks, and does not look into them.
        "min_insert_block_size_rows": 2**40,
        "min_insert_block_size_bytes": 0,
        "input_format_parallel_parsing": 0,
        "max_insert_threads": 1,
        "parallel_view_processing": 0,
        "async_insert": 0,
        "deduplicate_blocks_in_dependent_materialized_views": 1,
        "materialized_views_ignore_errors": 0,
        "optimize_on_insert": 0,
        # It seeks comparisons that follow from others in whatever the views compute: 80 ms of each INSERT, for nothing.
        "optimize_and_compare_chain": 0,
        # Nothing is read here that a better plan would read less of; seeking one takes 20 ms of each INSERT.
        "query_plan_enable_optimizations": 0,
        # Compiling the views' expressions takes half a second of some INSERT after each start, and saves nothing later.
        "compile_expressions": 0,
    }
