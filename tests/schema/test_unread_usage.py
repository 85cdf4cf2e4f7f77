"""The view on unread usage: each name that no convention reads once an emitter, with what its spans tell under it."""

from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from spanhouse_schema.conventions import spellings
from tests.oracle import normalise
from tests.reference import Row
from tests.support.corpus_spans import span
from tests.support.insert_rows import insert
from tests.support.tenants import embedded
from tests.support.usage_names import USAGE

_LOOKS = {
    "vendor.usage.cached": "cache_read",
    "gen_ai.usage.input_tokens_details.cacheReadTokens": "cache_read",
    "usage: ephemeral_1h_input_tokens": "cache_write",
    "gen_ai.usage.cache_creation.input_tokens": "cache_write",
    "vendor.usage.uncachedInput": "input",
    "gen_ai.usage.audio.cache_read.input_tokens": "audio",
    "llm.token_count.completion_details.image": "image",
    "vendor.usage.rejectedPredictionTokens": "prediction",
    "usage: thoughtsTokenCount": "reasoning",
    "usage: toolUsePromptTokenCount": "tool",
    "usage: citation_tokens": "search",
    "vendor.prompt.tokens": "input",
    "vendor.usage.candidatesTokenCount": "output",
    "vendor.usage.total": "total",
    "vendor.usage.units": "other",
}
_HOSTILE = ("vendor.usage.\t\n\x1b[2J", "usage' OR 1", "usage: a: b", "usage\\", "é.usage.日本", '"usage')
_usage = st.sampled_from(USAGE) | st.sampled_from(_HOSTILE).map(lambda name: {name: "5"})
_attributes = st.lists(_usage, max_size=4).map(lambda found: {k: text for usage in found for k, text in usage.items()})
_spans = st.builds(
    span,
    st.integers(1, 2**60).map("{:016x}".format),
    _attributes,
    ScopeName=st.sampled_from(["vendor.scope", "scope'\t", ""]),
    ServiceName=st.sampled_from(["a service", ""]),
)


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(_spans, max_size=12, unique_by=lambda row: row["SpanId"]), copies=st.integers(1, 3))
def test_each_name_is_there_once_with_the_spans_and_the_tokens_of_its_emitter_however_often_spans_come(
    database: Database, tmp_path: Path, rows: list[Row], copies: int
) -> None:
    tenant = f"unread-{uuid4().hex}"
    for _ in range(copies):
        insert(database, {tenant: rows}, tmp_path)
    assert sorted(_unread(database, tenant)) == sorted(_told(rows))


def test_a_name_that_a_row_reads_is_not_there(database: Database, tmp_path: Path) -> None:
    read = {each.attribute for each in spellings() if each.concept.endswith("Tokens") and not each.path}
    insert(database, {"unread-none": [span(name, {name: "7"}) for name in read]}, tmp_path)
    assert _unread(database, "unread-none") == []


def test_a_span_that_came_in_two_states_counts_as_its_latest_says(database: Database, tmp_path: Path) -> None:
    first, last = (span("a", {"vendor.usage.cached": count}, Duration=ms * 10**6) for count, ms in (("5", 1), ("8", 9)))
    for row in (last, first):
        insert(database, {"unread-states": [row]}, tmp_path)
    assert _unread(database, "unread-states") == [("", "vendor.usage.cached", 1, 8)]


def test_tokens_that_64_bits_cannot_hold_are_unknown(database: Database, tmp_path: Path) -> None:
    insert(database, {"unread-much": [span(f"{n}", {"usage.cached": "9" * 18}) for n in range(19)]}, tmp_path)
    assert _unread(database, "unread-much") == [("", "usage.cached", 19, None)]


def test_it_says_since_when_and_has_an_example_that_is_one_of_its_spans(database: Database, tmp_path: Path) -> None:
    traces = {f"{number:032x}" for number in range(3)}
    for trace in traces:
        insert(database, {"unread-when": [span("a", {"usage.cached": "1"}, TraceId=trace)]}, tmp_path)
    came = "SELECT min(IngestedAt), max(IngestedAt) FROM spanhouse.otel_traces WHERE TenantId = 'unread-when'"
    ((first, last, trace, span_id),) = database.rows(
        "SELECT first_seen, last_seen, example_trace_id, example_span_id FROM spanhouse.unread_usage "
        "WHERE tenant_id = 'unread-when'"
    )
    assert [(first, last)] == database.rows(came)
    assert (trace in traces, span_id) == (True, "a")


def test_what_a_name_looks_like_is_told_by_its_words(database: Database) -> None:
    found = database.rows(
        "SELECT name, usage_looks_like(name) FROM (SELECT arrayJoin({names:Array(String)}) AS name)",
        parameters={"names": list(_LOOKS)},
    )
    assert dict(found) == _LOOKS


def test_a_tenant_reads_of_its_own_spans_alone(database: Database, tmp_path: Path) -> None:
    insert(database, {tenant: [span("a", {f"usage.cached.{tenant}": "1"})] for tenant in ("acme", "zed")}, tmp_path)
    with embedded(database) as house, closing(house.connect("acme")) as connection:
        said = connection.read("SELECT DISTINCT tenant_id, name FROM spanhouse.unread_usage FORMAT TSV", {}).decode()
    assert "acme\tusage.cached.acme\n" in said
    assert "zed" not in said


def _unread(database: Database, tenant: str) -> list[tuple[Any, ...]]:
    return database.rows(
        "SELECT emitter, name, spans, tokens FROM spanhouse.unread_usage WHERE tenant_id = {tenant:String}",
        parameters={"tenant": tenant},
    )


def _told(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    spans: Counter[tuple[str, str]] = Counter()
    tokens: Counter[tuple[str, str]] = Counter()
    for row in rows:
        normal = normalise(row)
        assert normal
        emitter = row["ScopeName"] or row["ServiceName"]
        spans.update({(emitter, name) for name, _ in normal.reported.unread})
        for name, count in normal.reported.unread:
            tokens[emitter, name] += count
    return [(*key, count, tokens[key]) for key, count in spans.items()]
