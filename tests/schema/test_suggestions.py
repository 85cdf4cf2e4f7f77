"""Suggested rows: each is read by the tables' own reader, and makes the conventions read what nobody reads."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.conventions import PARTS, Spelling, read_kind_rules, read_spellings, spellings, sql
from spanhouse_schema.conventions.suggestions import (
    ATTRIBUTES_HEAD,
    KINDS_HEAD,
    Suggestion,
    Usage,
    suggest_kind,
    suggest_spelling,
)
from tests.reference import Row
from tests.support.corpus_spans import span
from tests.support.expected_executions import USAGE as CONCEPTS
from tests.support.insert_rows import insert
from tests.support.usage_names import TOKENS, USAGE

_NAMED_SO = {concept: column for column, concept in CONCEPTS.items()}
_texts = st.text(max_size=20) | st.sampled_from(["\t", "\n# ", '"', "\x1b[2J", "\u2028", "\u202e", "a: b", "x" * 999])


@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(usages=st.lists(st.sampled_from(USAGE), min_size=20, max_size=20, unique_by=str))
def test_a_suggested_row_makes_the_conventions_read_its_usage(
    database: Database, tmp_path: Path, usages: list[dict[str, str]]
) -> None:
    tenant = f"suggested-{uuid4().hex}"
    rows = [span(f"{number}", usage, ScopeName="vendor.scope") for number, usage in enumerate(usages)]
    insert(database, {tenant: rows}, tmp_path)
    suggested = {span_id: suggest_spelling(usage) for span_id, usage in _unread(database, tenant, rows)}
    table = "\n".join([ATTRIBUTES_HEAD, *{each.row for each in suggested.values() if each.row}])
    read = _read_with(database, tenant, read_spellings(table))
    for span_id, each in suggested.items():
        if each.row:
            assert read[span_id]["UnreadUsage"] == [], each.row
            assert _count(read[span_id], each.row.partition("\t")[0]) == TOKENS, each.row
        else:
            assert (each.doubt != "", read[span_id]["UnreadUsage"] != []) == (True, True)


@pytest.mark.parametrize(
    ("name", "attributes", "row"),
    [
        ("vendor.usage.cached", {}, "CacheReadTokens\tvendor.usage.cached\tvendor"),
        ("vendor.usage.uncached_input", {}, "UncachedInputTokens\tvendor.usage.uncached_input\tvendor"),
        ("usage: hits", {"usage": {"cache": [{"hits": 3}]}}, "CacheReadTokens\tusage: cache.0.hits\tvendor"),
        # Of several places the one among other usage, and then the one that is least deep.
        ("body: cached", {"body": {"cached": 1, "usage": {"a": {"cached": 1}, "cached": 1}}}, "body: usage.cached"),
        ("usage: a: cached", {"usage": {"cached": 1}, "usage: a": {"cached": 2}}, ""),
        # A count that is a text is none for a row, and neither are a key with a dot and one that looks like a place.
        ("usage: cached", {"usage": {"cached": "3"}}, ""),
        ("usage: cached.x", {"usage": {"cached.x": 3}}, ""),
        ("usage: cached", {"usage": {"0": {"cached": 3}}}, ""),
        ("usage: cached", {"usage": '{"cached": 3, "cut'}, ""),
        ("usage: cached", {}, ""),
        ("vendor.usage.units", {}, ""),
        ("vendor.usage.\tcached", {}, ""),
        ("vendor.usage.\x1bcached", {}, ""),
        ("gen_ai.usage.raw: cached", {"gen_ai.usage.raw": {"a" * 400: {"cached": 1}}}, ""),
    ],
)
def test_a_row_says_where_the_usage_is(database: Database, name: str, attributes: Mapping[str, Any], row: str) -> None:
    ((look,),) = database.rows("SELECT usage_looks_like({name:String})", parameters={"name": name})
    texts = {key: text if isinstance(text, str) else json.dumps(text) for key, text in attributes.items()}
    suggestion = suggest_spelling(Usage("vendor", name, "cache_read" if "hits" in name else look, texts))
    assert (row in suggestion.row, suggestion.row != "" or suggestion.doubt != "") == (True, True)
    assert bool(suggestion.row) == bool(row)


def test_a_row_that_is_there_is_not_suggested_again() -> None:
    known = next(each for each in spellings() if each.concept == "CacheReadTokens" and len(each.path) > 1)
    value: object = 5
    for step in reversed(known.path):
        value = {step: value}
    usage = Usage("x", f"{known.attribute}: {known.path[-1]}", "cache_read", {known.attribute: json.dumps(value)})
    assert suggest_spelling(usage).row == ""


@given(emitter=_texts, name=_texts, key=_texts)
def test_no_name_forges_a_row_or_drives_a_terminal(emitter: str, name: str, key: str) -> None:
    inside = Usage(emitter, f"{name}: {key}", "output", {name: json.dumps({key: 1})})
    for usage in (Usage(emitter, name, "output", {name: "5"}), inside):
        row = suggest_spelling(usage).row
        assert row.replace("\t", "").isprintable()
        for read in read_spellings(f"{ATTRIBUTES_HEAD}\n{row}"):
            assert f"{read.attribute}: {'.'.join(read.path)}".removesuffix(": ") == usage.name
    for rule in read_kind_rules(f"{KINDS_HEAD}\n{suggest_kind(emitter, name).row}"):
        assert (rule.scope, rule.value) == (emitter, name)


def test_a_rule_is_suggested_for_calls_that_no_rule_knows() -> None:
    row = "model\tspan name\tinfer %\tvendor.scope\tvendor.scope"
    assert suggest_kind("vendor.scope", "infer %") == Suggestion(row, "")


def _count(read: Mapping[str, Any], concept: str) -> Any:
    return read["UsageParts"].get(PARTS[concept]) if concept in PARTS else read[_NAMED_SO[concept]]


def _unread(database: Database, tenant: str, rows: list[Row]) -> Iterator[tuple[str, Usage]]:
    """The one name of usage that each span tells."""
    attributes = {row["SpanId"]: row["SpanAttributes"] for row in rows}
    for span_id, name, look in database.rows(
        "SELECT SpanId, arrayJoin(arrayDistinct(UnreadUsage.Name)) AS name, usage_looks_like(name) "
        "FROM spanhouse.agent_spans WHERE TenantId = {tenant:String}",
        parameters={"tenant": tenant},
    ):
        yield span_id, Usage("vendor.scope", name, look, attributes[span_id])


def _read_with(database: Database, tenant: str, more: list[Spelling]) -> dict[str, dict[str, Any]]:
    """What the view makes of the tenant's spans with these rows behind those of their concepts."""
    table = sorted([*spellings(), *more], key=lambda each: each.concept)
    columns = ["UnreadUsage", "UsageParts", *CONCEPTS]
    with patch.object(sql, "spellings", lambda: table):
        _forget()
        select = sql_files.selected("materialized_views/agent_spans_mv")
    _forget()
    found = database.rows(
        f"SELECT SpanId, {', '.join(columns)} FROM ({select}) WHERE TenantId = {{tenant:String}}",
        parameters={"tenant": tenant},
    )
    return {span_id: dict(zip(columns, values, strict=True)) for span_id, *values in found}


def _forget() -> None:
    for cached in (sql._concepts, sql._own_slots, sql._slots):
        cached.cache_clear()
