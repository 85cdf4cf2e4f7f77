"""Whose a span or an event is: session, user, client account, engagement are the same in every table that says it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from spanhouse_schema import Database
from spanhouse_schema.conventions import Spelling, spellings
from tests.schema.lifecycle import record, sent
from tests.support.corpus_spans import span
from tests.support.expected_rows import insert as send_in
from tests.support.insert_rows import insert

_CONCEPTS = ("SessionId", "UserId", "ClientAccountId", "EngagementId")
_SPELLINGS = [spelling for spelling in spellings() if spelling.concept in _CONCEPTS]
_RESOURCE = {
    "gen_ai.conversation.id": "SessionId",
    "session.id": "SessionId",
    "user.id": "UserId",
    "spanhouse.client_account.id": "ClientAccountId",
    "spanhouse.engagement.id": "EngagementId",
}
_IDS = f"[{', '.join(f'toString({concept})' for concept in _CONCEPTS)}]"


class _Case(NamedTuple):
    said: dict[str, str]
    resource: dict[str, str]
    # What stands in the columns, in the order of the concepts.
    ids: list[str]


def _cases() -> Iterator[_Case]:
    for spelling in _SPELLINGS:
        yield _Case(_said(spelling, "mine"), {}, _ids(spelling.concept, "mine"))
        yield _Case(_said(spelling, "mine"), dict.fromkeys(_RESOURCE, "resource's"), _others(spelling.concept, "mine"))
    for concept in _CONCEPTS:
        of_concept = [spelling for spelling in _SPELLINGS if spelling.concept == concept]
        everything = {key: text for each in reversed(of_concept) for key, text in _said(each, each.attribute).items()}
        yield _Case(everything, {}, _ids(concept, of_concept[0].attribute))
        without = everything | {of_concept[0].attribute: "null"}
        yield _Case(without, {}, _ids(concept, of_concept[1].attribute if len(of_concept) > 1 else ""))
    for key, concept in _RESOURCE.items():
        yield _Case({}, {key: "resource's"}, _ids(concept, "resource's"))


def _said(spelling: Spelling, text: str) -> dict[str, str]:
    value: object = text
    for step in reversed(spelling.path):
        value = {step: value}
    return {spelling.attribute: json.dumps(value) if spelling.path else text}


def _ids(concept: str, text: str) -> list[str]:
    return [text if each == concept else "" for each in _CONCEPTS]


def _others(concept: str, text: str) -> list[str]:
    return [text if each == concept else "resource's" for each in _CONCEPTS]


_CASES = list(_cases())
_WANTED = {f"{number:016x}": case.ids for number, case in enumerate(_CASES)}


def _stored(database: Database, table: str, key: str, tenant: str) -> dict[str, Any]:
    asked = f"SELECT {key}, {_IDS} FROM spanhouse.{table} WHERE TenantId = {{tenant:String}}"
    return dict(database.rows(asked, parameters={"tenant": tenant}))


@pytest.fixture(scope="module")
def spans_of(database: Database, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tenant of a span for each case, which says something of its session as well."""
    phase = {"spanhouse.session.phase": "designing"}
    rows = [
        span(span_id, phase | case.said, ResourceAttributes=case.resource)
        for span_id, case in zip(_WANTED, _CASES, strict=True)
    ]
    insert(database, {"owner-ids": rows}, tmp_path_factory.mktemp("owner-ids"))
    return "owner-ids"


@pytest.mark.parametrize("table", ["agent_spans", "record_statements"])
def test_a_span_is_of_the_same_whatever_the_convention_that_says_it(
    database: Database, spans_of: str, table: str
) -> None:
    assert _stored(database, table, "SpanId", spans_of) == _WANTED


def test_so_is_an_event(database: Database, tmp_path: Path) -> None:
    stored: dict[str, Any] = {}
    requests = [
        sent(record("spanhouse.session.phase", case.said | {"spanhouse.execution.id": id_}), resource=case.resource)
        for id_, case in zip(_WANTED, _CASES, strict=True)
    ]
    send_in(database, "logs", requests, tmp_path)
    for request in requests:
        stored |= _stored(database, "execution_events", "ExecutionId", request.receipt.tenant)
    assert stored == _WANTED
