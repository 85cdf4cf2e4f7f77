"""Texts that rows share in a dictionary: a reader's statement never comes near those of another's rows.

Functions run over a whole dictionary at once, and an error would quote the text of a row that was filtered out.
"""

from collections.abc import Generator
from itertools import product

import httpx
import pytest

from spanhouse_schema import Database
from spanhouse_schema.access.key_ring import Scope
from spanhouse_schema.access.row_filters import readable
from tests.api.conftest import Door
from tests.support.waiting import until

MARKER = "zed-0OIl-shared"


@pytest.fixture(scope="module")
def sharer(database: Database, door: Door) -> Generator[httpx.Client]:
    """A reader of a tenant with one span, in the same part as another tenant's: their columns share dictionaries."""
    columns = "TenantId, TraceId, SpanName, SpanAttributes, `Events.Name`, `Events.Timestamp`, `Events.Attributes`"
    own, others = (
        f"('{tenant}', 'shared', '{text}', map('{text}', ''), ['{text}'], [0], [map('{text}', '')])"
        for tenant, text in (("sharer", "abcd"), ("shared", MARKER))
    )
    database.command(f"INSERT INTO spanhouse.otel_traces ({columns}) VALUES {own}, {others}")
    key = door.keys.create("sharer", Scope.READ).key
    with httpx.Client(base_url=door.url, headers={"x-clickhouse-key": key}, timeout=60) as client:
        until(lambda: client.get("/", params={"query": "SELECT 1"}).is_success)
        yield client


_TEXTS = (
    *(
        "SpanName",
        "otel_traces.SpanName",
        "replaceOne(SpanName, 'zed', '!')",
        "tuple(SpanName).1",
        "materialize(SpanName)",
    ),
    *("CAST(SpanName, 'LowCardinality(String)')", "any(SpanName)", "arrayJoin(Events.Name)", "unnest(Events.Name)"),
    *("arrayJoin(SpanAttributes).1", "arrayJoin(SpanAttributes.keys)", "arrayJoin(mapKeys(SpanAttributes))", "joined"),
    "arrayJoin(arrayJoin(Events.Attributes)).1",
)
_SOURCES = (
    "otel_traces ARRAY JOIN Events.Name AS joined",
    "spanhouse.otel_traces ARRAY JOIN SpanAttributes.keys AS joined",
    "(SELECT *, SpanName AS joined FROM otel_traces) AS otel_traces",
    "otel_traces JOIN (SELECT TraceId, SpanName AS joined FROM otel_traces) AS other USING (TraceId)",
)
# Each fails at what it cannot read, and quotes it.
_QUOTING = ("base64Decode({})", "base58Decode({})", "match('a', concat({}, '('))", "parseTimeDelta({})")


def test_no_function_runs_over_the_texts_of_others(sharer: httpx.Client) -> None:
    for source, quoting, text in product(_SOURCES, _QUOTING, _TEXTS):
        asked = f"SELECT {quoting.format(text)} FROM {source} WHERE TraceId = 'shared'"
        assert "0OIl" not in sharer.post("/", content=asked).text, asked


def test_a_statement_goes_well_that_would_fail_over_the_texts_of_others(sharer: httpx.Client) -> None:
    for asked in (
        "SELECT base64Decode(SpanName) != '' FROM otel_traces WHERE TraceId = 'shared'",
        "SELECT 1 FROM otel_traces PREWHERE TraceId = 'shared' WHERE base58Decode(SpanName) != ''",
        "SELECT base64Decode(arrayJoin(SpanAttributes.keys)) != '' FROM otel_traces WHERE TraceId = 'shared'",
    ):
        assert sharer.post("/", content=asked).text == "1\n"


@pytest.mark.parametrize("condition", ["base64Decode(SpanName) != ''", "base58Decode(otel_traces.SpanName) != ''"])
@pytest.mark.parametrize("table", ["otel_traces", "spanhouse.otel_traces"])
def test_a_condition_on_a_table_reads_plain_columns(sharer: httpx.Client, table: str, condition: str) -> None:
    escaped = condition.replace("'", "\\'")
    reply = sharer.post(
        "/",
        content="SELECT SpanName FROM otel_traces WHERE TraceId = 'shared'",
        params={"additional_table_filters": f"{{'{table}': '{escaped}'}}"},
    )
    assert reply.text == "abcd\n"


def test_a_column_keeps_its_type(sharer: httpx.Client) -> None:
    reply = sharer.post("/", content="SELECT SpanName FROM otel_traces LIMIT 0 FORMAT TSVWithNamesAndTypes")
    assert reply.text == "SpanName\nLowCardinality(String)\n"


def test_the_primary_key_and_the_skip_indexes_still_serve(database: Database) -> None:
    asked = (
        "SELECT count() FROM (SELECT * REPLACE (CAST(CAST(SpanName, 'String'), 'LowCardinality(String)') AS SpanName) "
        "FROM spanhouse.otel_traces) WHERE SpanName = 'a' AND SpanAttributes['k'] = 'v'"
    )
    plan = "\n".join(line for (line,) in database.rows(f"EXPLAIN indexes = 1 {asked}"))
    assert "in ['a', 'a']" in plan.replace("\\", "")
    assert "idx_span_attr_key" in plan


def test_every_asterisk_has_the_columns_that_it_had(database: Database, sharer: httpx.Client) -> None:
    for name, table in sorted(readable(database)):
        if name == "spanhouse":
            own = database.text(f"SELECT * FROM {name}.{table} LIMIT 0", "TSVWithNamesAndTypes").decode()
            read = sharer.post("/", content=f"SELECT * FROM {table} LIMIT 0 FORMAT TSVWithNamesAndTypes").text
            assert read == own


def test_a_common_table_expression_may_not_take_the_name_of_a_table(sharer: httpx.Client) -> None:
    reply = sharer.post("/", content="WITH otel_traces AS (SELECT 1 AS a) SELECT a FROM otel_traces")
    assert reply.status_code == 403
    assert "a common table expression with the name of a table" in reply.text
