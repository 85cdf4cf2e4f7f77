"""Traces that tell of one response are found once, and those that a pipeline brings meanwhile are too."""

from pathlib import Path

import pytest

from spanhouse_schema import Database
from spanhouse_schema.derive import frames
from spanhouse_schema.proof.sharing import Sharing
from tests.reference import Row
from tests.support.corpus_spans import span
from tests.support.insert_rows import insert

_FIRST, _LAST = "", b"~".hex()


def test_traces_that_share_a_response_are_found_and_no_others(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Otherwise everything that was inserted lately is looked at.
    monkeypatch.setattr("spanhouse_schema.proof.sharing._MARGIN_S", 0.0)
    tenant = "sharing"
    insert(database, {tenant: [_call("a", "r-1"), _call("b", "r-1"), _call("c", "r-2"), _call("d", "")]}, tmp_path)
    with database.session() as session:
        session.command(", ".join(f"SET {name} = {value}" for name, value in frames.SETTINGS.items()))
        sharing = Sharing(session, tenant)
        assert _traces(sharing) == {b"a", b"b"}
        insert(database, {tenant: [_call("e", "r-2")]}, tmp_path)
        assert _traces(sharing) == {b"a", b"b", b"c", b"e"}
        assert set(sharing.between(b"b".hex(), b"c".hex())["TraceId"]) == {b"b", b"c"}


def _traces(sharing: Sharing) -> set[bytes]:
    return set(sharing.between(_FIRST, _LAST)["TraceId"])


def _call(trace: str, response: str) -> Row:
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.response.id": response}
    return span(f"call-{trace}", attributes, TraceId=trace)
