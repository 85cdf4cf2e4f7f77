"""The raw tables begin with the columns of the OpenTelemetry Collector's ClickHouse exporter, exactly.

Its statements are those of opentelemetry-collector-contrib `exporter/clickhouseexporter/internal/sqltemplates`, v0.151
to v0.162, with one difference that is ours: the times of metrics keep their nanoseconds.
"""

from collections.abc import Generator

import pytest

from spanhouse_schema import Database

_MAP = "Map(LowCardinality(String), String)"
_EXEMPLARS = (
    f"Exemplars Nested (FilteredAttributes {_MAP}, TimeUnix DateTime64(9), Value Float64, SpanId String, "
    "TraceId String) CODEC(ZSTD(1))"
)
_TRACES = f"""
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes {_MAP} CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes {_MAP} CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes {_MAP}) CODEC(ZSTD(1)),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes {_MAP}) CODEC(ZSTD(1))
"""
_TRACE_ID_TS = """
    TraceId String CODEC(ZSTD(1)),
    Start DateTime CODEC(Delta, ZSTD(1)),
    End DateTime CODEC(Delta, ZSTD(1))
"""
_MATERIALIZED = ",\n".join(
    f"`__otel_materialized_{key}` LowCardinality(String) MATERIALIZED ResourceAttributes['{key}'] CODEC(ZSTD(1))"
    for key in (
        "k8s.cluster.name",
        "k8s.container.name",
        "k8s.deployment.name",
        "k8s.namespace.name",
        "k8s.node.name",
        "k8s.pod.name",
        "k8s.pod.uid",
        "deployment.environment.name",
    )
)
_LOGS = f"""
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8,
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes {_MAP} CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes {_MAP} CODEC(ZSTD(1)),
    LogAttributes {_MAP} CODEC(ZSTD(1)),
    EventName String CODEC(ZSTD(1)),
    {_MATERIALIZED}
"""
_POINT = f"""
    ResourceAttributes {_MAP} CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes {_MAP} CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes {_MAP} CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
"""
_GAUGE = f"{_POINT} Value Float64 CODEC(ZSTD(1)), Flags UInt32 CODEC(ZSTD(1)), {_EXEMPLARS}"
_SUM = f"""{_GAUGE},
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    IsMonotonic Boolean CODEC(Delta, ZSTD(1))
"""
_DISTRIBUTION = f"{_POINT} Count UInt64 CODEC(Delta, ZSTD(1)), Sum Float64 CODEC(ZSTD(1)),"
_DISTRIBUTION_END = f"""
    {_EXEMPLARS},
    Flags UInt32 CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1))
"""
_COLUMNS = {
    "otel_traces": _TRACES,
    "otel_traces_trace_id_ts": _TRACE_ID_TS,
    "otel_logs": _LOGS,
    "otel_metrics_gauge": _GAUGE,
    "otel_metrics_sum": _SUM,
    "otel_metrics_histogram": f"""{_DISTRIBUTION}
        BucketCounts Array(UInt64) CODEC(ZSTD(1)),
        ExplicitBounds Array(Float64) CODEC(ZSTD(1)),
        {_DISTRIBUTION_END}""",
    "otel_metrics_exponential_histogram": f"""{_DISTRIBUTION}
        Scale Int32 CODEC(ZSTD(1)),
        ZeroCount UInt64 CODEC(ZSTD(1)),
        PositiveOffset Int32 CODEC(ZSTD(1)),
        PositiveBucketCounts Array(UInt64) CODEC(ZSTD(1)),
        NegativeOffset Int32 CODEC(ZSTD(1)),
        NegativeBucketCounts Array(UInt64) CODEC(ZSTD(1)),
        {_DISTRIBUTION_END}""",
    "otel_metrics_summary": f"""{_DISTRIBUTION}
        ValueAtQuantiles Nested (Quantile Float64, Value Float64) CODEC(ZSTD(1)),
        Flags UInt32 CODEC(ZSTD(1))""",
}


@pytest.fixture
def exporter(database: Database) -> Generator[Database]:
    """The database, with an empty one named `exporter` beside it."""
    database.command("CREATE DATABASE exporter")
    yield database
    database.command("DROP DATABASE exporter")


@pytest.mark.parametrize("table", _COLUMNS)
def test_a_raw_table_begins_with_the_exporters_columns(exporter: Database, table: str) -> None:
    exporter.command(f"CREATE TABLE exporter.{table} ({_COLUMNS[table]}) ENGINE = MergeTree ORDER BY tuple()")
    theirs, ours = _columns(exporter, "exporter", table), _columns(exporter, "spanhouse", table)
    assert ours[: len(theirs)] == theirs
    assert [name for name, *_ in ours[len(theirs) :]][:2] == ["TenantId", "IngestedAt"]


def _columns(database: Database, schema: str, table: str) -> list[tuple[str, ...]]:
    return database.rows(
        "SELECT name, type, default_kind, default_expression, compression_codec FROM system.columns "
        "WHERE database = {schema:String} AND table = {table:String} ORDER BY position",
        parameters={"schema": schema, "table": table},
    )
