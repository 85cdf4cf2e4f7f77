"""Each span read right whatever its convention: `agent_spans` says what the oracle says, and takes whatever comes."""

import json
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from spanhouse_schema.conventions import KindRule, Spelling, kind_rules, spellings
from spanhouse_schema.conventions.sql import LONGEST
from tests.reference import Row
from tests.support.corpus_spans import LONG, recorded, span
from tests.support.expected_executions import assert_equal, expected_spans, stored_spans
from tests.support.insert_rows import insert
from tests.support.usage_names import USAGE

COUNTS = ("WholeInputTokens", "CacheReadTokens", "CacheWriteTokens", "WholeOutputTokens", "ReasoningTokens")
CHAT = {"gen_ai.operation.name": "chat"}

_NAMES = [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in recorded()]


@pytest.mark.parametrize("name", _NAMES)
def test_a_recordings_spans_are_what_the_oracle_says(
    database: Database, corpus: Mapping[str, list[Row]], name: str
) -> None:
    assert_equal(stored_spans(database, name), expected_spans(corpus[name]))


def test_a_span_that_announces_another_is_not_stored(database: Database, tmp_path: Path) -> None:
    announcing = span("b", CHAT | {"logfire.span_type": "pending_span", "logfire.pending_parent_id": "0" * 16}, "a")
    insert(database, {"pending": [span("a", CHAT | {"logfire.span_type": "span"}), announcing]}, tmp_path)
    assert [span_id for _, span_id in stored_spans(database, "pending")] == ["a"]


def test_a_token_count_of_zero_is_zero_and_not_unknown(database: Database, corpus: Mapping[str, list[Row]]) -> None:
    (zero,) = stored_spans(database, "edge/0011-traces.pb").values()
    assert [zero[name] for name in COUNTS] == [0, None, None, 20, None]


def test_counts_of_other_types_are_taken_where_they_are_counts(
    database: Database, corpus: Mapping[str, list[Row]]
) -> None:
    counts = [
        (row["WholeInputTokens"], row["WholeOutputTokens"])
        for row in stored_spans(database, "edge/0022-traces.pb").values()
    ]
    # A text and a double; a negative number and a bool; an array and more than a span can use.
    assert sorted(counts, key=str) == [(100, 20), (None, None), (None, None)]


_RULES, _SPELLINGS = kind_rules(), spellings()
_ODD = [
    "",
    "0",
    "007",
    "+7",
    "-1",
    "1.5",
    "NaN",
    "1e3",
    "9" * 18,
    "9" * 19,
    "true",
    "error",
    "null",
    "{}",
    "[]",
    '{"a":',
]
_texts = st.sampled_from(_ODD) | st.text(max_size=30) | st.integers(150, 1500).map("é".__mul__)
_leaves = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.text(max_size=9)
    | st.sampled_from([12.0, 0.5, 100.0])
)


@st.composite
def _documents(draw: st.DrawFn) -> tuple[str, str]:
    """An attribute that holds JSON, with something where a spelling looks; now and then it is cut."""
    spelling = draw(st.sampled_from([spelling for spelling in _SPELLINGS if spelling.path]))
    value: object = draw(_leaves)
    for step in reversed(spelling.path):
        value = [value] if step.isdigit() else {step: value, "other": 0}
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    return spelling.attribute, text[: draw(st.integers(0, len(text)))] if draw(st.booleans()) else text


_keys = sorted({spelling.attribute for spelling in _SPELLINGS})
_of_kinds = st.sampled_from([(rule.where, rule.value) for rule in _RULES if rule.where != "span name"])
_unread = st.sampled_from([pair for usage in USAGE for pair in usage.items()])
_attributes = st.lists(
    st.tuples(st.sampled_from(_keys) | _texts, _texts) | _of_kinds | _documents() | _unread, min_size=3, max_size=9
).map(dict)
_names = st.sampled_from([rule.value.replace("%", "x") for rule in _RULES if rule.where == "span name"])
_scopes = st.sampled_from(sorted({rule.scope for rule in _RULES}))
_events = st.sampled_from(["exception", "gen_ai.choice", "gen_ai.user.message"])


@st.composite
def _rows(draw: st.DrawFn) -> Row:
    events = draw(st.lists(st.tuples(_events | _texts, _attributes), max_size=2))
    return span(
        f"{draw(st.integers(1, 2**60)):016x}",
        draw(_attributes),
        draw(_texts),
        Timestamp=draw(st.integers(-(2**63), 2**63 - 1)),
        Duration=draw(st.integers(0, 2**64 - 1)),
        SpanName=draw(_names | _texts),
        ScopeName=draw(_scopes | _texts),
        StatusCode=draw(st.sampled_from(["Unset", "Ok", "Error", ""])),
        StatusMessage=draw(_texts),
        ResourceAttributes=draw(_attributes),
        **{
            "Events.Timestamp": [0] * len(events),
            "Events.Name": [name for name, _ in events],
            "Events.Attributes": [attributes for _, attributes in events],
        },
    )


def _spelled(spelling: Spelling) -> dict[str, str]:
    """An attribute that says seven where the spelling looks."""
    value: object = 7 if spelling.concept.endswith(("Tokens", "USD")) else "seven"
    for step in reversed(spelling.path):
        value = [value] if step.isdigit() else {step: value}
    return {spelling.attribute: json.dumps(value) if spelling.path else str(value)}


def _ruled(number: int, rule: KindRule, scope: str) -> Row:
    """A span that the rule fits if its scope is the rule's."""
    name = rule.value.replace("%", "x") if rule.where == "span name" else ""
    attributes = {} if name else {rule.where: rule.value}
    return span(f"{number}/{scope}", attributes, SpanName=name, ScopeName=scope)


def _ruled_in_another_case(number: int, rule: KindRule) -> Row:
    """A span whose attribute has the rule's value in the other letter case."""
    return span(f"{number}/case", {rule.where: rule.value.swapcase()}, ScopeName=rule.scope)


def test_no_two_rules_fit_the_same_spans_and_none_is_longer_than_what_is_compared() -> None:
    rules = [(rule.scope, rule.where, rule.value.lower()) for rule in _RULES]
    assert len(rules) == len(set(rules))
    assert max(len(rule.value.encode()) for rule in _RULES) < LONGEST


def test_each_spelling_and_each_rule_is_read_as_the_oracle_reads_it(database: Database, tmp_path: Path) -> None:
    spelled = [span(f"{number}", CHAT | _spelled(spelling)) for number, spelling in enumerate(_SPELLINGS)]
    ruled = [
        _ruled(number, rule, scope)
        for number, rule in enumerate(_RULES)
        for scope in {rule.scope, "", f"{rule.scope}\tx", "any"}
    ]
    ruled += [_ruled_in_another_case(*each) for each in enumerate(_RULES) if each[1].where != "span name"]
    used = [span(f"u{number}", {"model": "m"} | usage) for number, usage in enumerate(USAGE)]
    insert(database, {"each": [*spelled, *ruled, *used]}, tmp_path)
    assert_equal(stored_spans(database, "each"), expected_spans([*spelled, *ruled, *used]))


@pytest.mark.slow
# Not shrunk: that is an INSERT a step, and what differs is named.
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(rows=st.lists(_rows(), min_size=10, max_size=20, unique_by=lambda row: row["SpanId"]))
def test_whatever_a_client_sends_is_read_as_the_oracle_reads_it(
    database: Database, tmp_path: Path, rows: list[Row]
) -> None:
    tenant = f"hostile-{uuid4().hex}"
    insert(database, {tenant: rows}, tmp_path)
    assert_equal(stored_spans(database, tenant), expected_spans(rows))
