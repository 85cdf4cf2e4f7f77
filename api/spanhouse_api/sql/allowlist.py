"""What a reader's statement may consist of: allowlists, as data. The gate refuses everything else."""

from importlib.resources import files
from typing import Final

_UNSET: Final = "is_into_outfile_with_stdout is_outfile_append is_outfile_truncate"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _file(name: str) -> frozenset[str]:
    lines = files("spanhouse_api.sql").joinpath(name).read_text(encoding="utf-8").lower().splitlines()
    return _words(" ".join(line for line in lines if not line.startswith("#")))


def _keys(**names: str) -> dict[str, frozenset[str]]:
    return {node: _words(text) | {"type"} for node, text in names.items()}


NODES: Final = _keys(
    ArrayJoin="kind expression_list",
    Asterisk="transformers",
    ColumnsExceptTransformer="children pattern",
    ColumnsListMatcher="column_list transformers",
    ColumnsRegexpMatcher="pattern transformers",
    ColumnsReplaceTransformer="children",
    ColumnsReplaceTransformerReplacement="children name",
    ColumnsTransformerList="children",
    ExplainQuery=f"kind query {_UNSET}",
    ExpressionList="children",
    Function="alias arguments is_lambda_function is_operator is_window_function kind name nulls_action parameters "
    "window_definition window_name",
    Identifier="alias name name_parts",
    InterpolateElement="column expr",
    Literal="alias value",
    OrderByElement="direction nulls_direction nulls_direction_was_explicitly_specified expression with_fill fill_from "
    "fill_to fill_step fill_staleness",
    QualifiedAsterisk="qualifier transformers",
    QualifiedColumnsListMatcher="qualifier column_list transformers",
    QualifiedColumnsRegexpMatcher="qualifier pattern transformers",
    QueryParameter="alias name param_type",
    SampleRatio="numerator denominator",
    SelectQuery="cte_aliases distinct group_by group_by_all group_by_with_cube group_by_with_grouping_sets "
    "group_by_with_rollup group_by_with_totals having interpolate limit_by limit_by_length limit_by_offset "
    "limit_length limit_offset limit_with_ties order_by order_by_all prewhere qualify recursive_with select tables "
    "where window with",
    SelectWithUnionQuery=f"list_of_modes list_of_selects union_mode {_UNSET}",
    ShowTablesQuery=f"databases full from like not_like case_insensitive_like {_UNSET}",
    Subquery="alias children",
    TableExpression="database_and_table_name final sample_offset sample_size subquery table_function",
    TableIdentifier="alias name name_parts",
    TableJoin="kind locality strictness on_expression using_expression_list",
    TablesInSelectQuery="children",
    TablesInSelectQueryElement="array_join table_expression table_join",
    WindowDefinition="parent_window_name partition_by order_by frame_is_default frame_type frame_begin_type "
    "frame_begin_offset frame_begin_preceding frame_end_type frame_end_offset frame_end_preceding",
    WindowListElement="name definition",
    WithElement="aliases is_materialized name subquery",
)
"""The nodes of ClickHouse's syntax tree that may occur, by name, and what each may have.

Left out on purpose: APPLY and parameters of type Identifier, which name functions and tables at run time, COLLATE, and
SETTINGS anywhere but at the end of the whole statement, where the door takes them off.
"""

ROOTS: Final = frozenset({"SelectWithUnionQuery", "ExplainQuery", "ShowTablesQuery"})
"""What a statement may be, besides DESCRIBE, EXISTS and SHOW CREATE of one relation."""

EXPLANATIONS: Final = frozenset({"EXPLAIN AST", "EXPLAIN SYNTAX", "EXPLAIN QUERY TREE"})
"""What may be explained. A plan would tell how much of a table was read, other tenants' rows included."""

FUNCTIONS: Final = _file("allowlist_functions.txt")
"""The functions that may be called, in lower case."""

AGGREGATES: Final = _file("allowlist_aggregates.txt")
"""The aggregate and window functions that may be called, in lower case, also with `COMBINATORS` behind their names."""

COMBINATORS: Final = (
    "if",
    "array",
    "distinct",
    "ornull",
    "ordefault",
    "map",
    "foreach",
    "argmin",
    "argmax",
    "resample",
)
"""Not State and Merge: the bytes of an aggregate state are the engine's own business."""

TABLE_FUNCTIONS: Final = frozenset({"numbers", "zeros", "generate_series", "generateseries"})
"""What may stand in FROM like a table, in lower case."""

TYPED_FUNCTIONS: Final = frozenset(
    {
        *("cast", "accuratecast", "accuratecastornull", "reinterpret", "dynamicelement", "variantelement"),
        *("jsonextract", "jsonextractcaseinsensitive"),
        *("jsonextractkeysandvalues", "jsonextractkeysandvaluescaseinsensitive"),
    }
)
"""Their last argument is the name of a type: it must be written out, and be no aggregate state."""

IN_FUNCTIONS: Final = frozenset(
    f"{globally}{negated}{null}in" for globally in ("", "global") for negated in ("", "not") for null in ("", "null")
)
"""What is right of them may be the name of a table."""

CATALOGUE: Final = {
    table: _words(text)
    for table, text in {
        "tables": "database name table uuid engine is_temporary metadata_version create_table_query engine_full "
        "as_select partition_key sorting_key primary_key sampling_key comment has_own_data",
        "columns": "database table name column type position default_kind default_expression comment "
        "is_in_partition_key is_in_sorting_key is_in_primary_key is_in_sampling_key compression_codec "
        "character_octet_length numeric_precision numeric_precision_radix numeric_scale datetime_precision",
        "databases": "database name engine uuid engine_full comment",
    }.items()
}
"""Columns of the system's tables that may be read. The others tell how many rows all tenants have, and where."""

VIRTUAL_COLUMNS: Final = _words(
    """
    _block_number _block_offset _database _disk_name _distance _part _part_data_version _part_granule_offset _part_index
    _part_offset _part_starting_offset _part_uuid _partition_id _partition_value _row_exists _sample_factor _shard_num
    _table
    """
)
"""Columns that every table has beside its own. They tell where rows lie, and so how many others came before them."""

LIMITS: Final = frozenset({"max_execution_time", "max_result_rows", "max_result_bytes"})
"""Settings that a reader may lower."""

PASSED_OVER: Final = frozenset(
    {"readonly", "async_insert", "wait_for_async_insert", "cancel_http_readonly_queries_on_client_close"}
)
"""Settings that clients send unasked and that change nothing for a reader: taken, and left at what they are."""

SETTINGS: Final = _words(
    """
    limit offset extremes result_overflow_mode timeout_overflow_mode
    date_time_output_format bool_true_representation bool_false_representation
    format_csv_delimiter format_csv_null_representation format_tsv_null_representation
    format_custom_escaping_rule format_custom_field_delimiter format_custom_row_before_delimiter
    format_custom_row_after_delimiter format_custom_row_between_delimiter format_custom_result_before_delimiter
    format_custom_result_after_delimiter format_json_object_each_row_column_for_object_name
    output_format_always_write_decimal_point_in_float_and_decimal output_format_decimal_trailing_zeros
    output_format_float_precision output_format_trim_fixed_string
    output_format_compression_level output_format_parallel_formatting
    output_format_arrow_compression_method output_format_arrow_date_as_uint16
    output_format_arrow_fixed_string_as_fixed_byte_array
    output_format_arrow_string_as_string output_format_arrow_use_64_bit_indexes_for_dictionary
    output_format_arrow_use_signed_indexes_for_dictionary output_format_avro_codec
    output_format_avro_string_column_pattern output_format_avro_sync_interval
    output_format_binary_encode_types_in_binary_format output_format_binary_write_json_as_string
    output_format_bson_string_as_string output_format_csv_crlf_end_of_line
    output_format_csv_serialize_tuple_into_separate_columns output_format_json_array_of_rows
    output_format_json_escape_forward_slashes output_format_json_map_as_array_of_tuples
    output_format_json_named_tuples_as_objects output_format_json_pretty_print output_format_json_quote_64bit_floats
    output_format_json_quote_64bit_integers output_format_json_quote_decimals output_format_json_quote_denormals
    output_format_json_skip_null_value_in_named_tuples output_format_json_validate_utf8
    output_format_markdown_escape_special_characters output_format_msgpack_uuid_representation
    output_format_native_encode_types_in_binary_format output_format_native_use_flattened_dynamic_and_json_serialization
    output_format_native_write_json_as_string output_format_orc_compression_method output_format_orc_string_as_string
    output_format_parquet_compression_method output_format_parquet_data_page_size
    output_format_parquet_date_as_uint16 output_format_parquet_datetime_as_uint32
    output_format_parquet_enum_as_byte_array output_format_parquet_fixed_string_as_fixed_byte_array
    output_format_parquet_row_group_size output_format_parquet_row_group_size_bytes
    output_format_parquet_string_as_string output_format_parquet_version
    output_format_pretty_color output_format_pretty_display_footer_column_names
    output_format_pretty_fallback_to_vertical output_format_pretty_glue_chunks output_format_pretty_grid_charset
    output_format_pretty_highlight_digit_groups output_format_pretty_max_column_pad_width
    output_format_pretty_max_rows output_format_pretty_max_value_width output_format_pretty_multiline_fields
    output_format_pretty_named_tuples_as_json output_format_pretty_row_numbers
    output_format_pretty_single_large_number_tip_threshold output_format_sql_insert_include_column_names
    output_format_sql_insert_max_batch_size output_format_sql_insert_quote_names output_format_sql_insert_table_name
    output_format_sql_insert_use_replace output_format_tsv_crlf_end_of_line
    output_format_values_escape_quote_with_quote
    """
)
"""Settings that a reader may choose: how a result is cut off and written, not how it is found.

Left out on purpose: what names files or addresses (output_format_schema, format_avro_schema_registry_url, templates),
output_format_write_statistics, which tells how many rows were read, other tenants' included, and
output_format_arrow_low_cardinality_as_dictionary: the dictionary of a column holds texts of filtered rows as well.
"""

TABLE_FILTERS: Final = "additional_table_filters"
"""The setting that holds conditions, each of which passes the gate itself; Grafana's ad hoc filters are these."""

FORMATS: Final = _words(
    """
    arrow arrowstream avro bsoneachrow csv csvwithnames csvwithnamesandtypes customseparated customseparatedwithnames
    customseparatedwithnamesandtypes json jsoncolumns jsoncolumnswithmetadata jsoncompact jsoncompactcolumns
    jsoncompacteachrow jsoncompacteachrowwithnames jsoncompacteachrowwithnamesandtypes jsoncompactstrings
    jsoncompactstringseachrow jsoncompactstringseachrowwithnames jsoncompactstringseachrowwithnamesandtypes jsoneachrow
    jsonl jsonlines jsonobjecteachrow jsonstrings jsonstringseachrow lineasstring markdown md msgpack native ndjson null
    orc parquet pretty prettycompact prettycompactmonoblock prettycompactnoescapes prettycompactnoescapesmonoblock
    prettyjsoneachrow prettyjsonlines prettymonoblock prettyndjson prettynoescapes prettynoescapesmonoblock prettyspace
    prettyspacemonoblock prettyspacenoescapes prettyspacenoescapesmonoblock raw rawblob rawwithnames
    rawwithnamesandtypes rowbinary rowbinarywithnames rowbinarywithnamesandtypes sqlinsert tabseparated tabseparatedraw
    tabseparatedrawwithnames tabseparatedrawwithnamesandtypes tabseparatedwithnames tabseparatedwithnamesandtypes tskv
    tsv tsvraw tsvrawwithnames tsvrawwithnamesandtypes tsvwithnames tsvwithnamesandtypes values vertical xml
    """
)
"""The output formats, in lower case: those that need no file, and do not tell how many rows were read on the way."""
