"""`spanhouse dead-letter`: see, retry and drop what could not be loaded."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from spanhouse_collector.spool import dead_letter
from spanhouse_collector.spool.dead_letter import DeadLetter
from tests.cli.conftest import Result
from tests.cli.letters import write_letter
from tests.support.process import Spanhouse
from tests.support.waiting import until

Call = Callable[..., Result]


@pytest.fixture
def letter(tmp_path: Path) -> DeadLetter:
    """A letter in the spool of `tmp_path`, with one request of one span."""
    return write_letter(tmp_path, "dead", "0001-aa")


def test_the_list_says_whose_it_is_and_why_it_was_not_taken(call: Call, tmp_path: Path, letter: DeadLetter) -> None:
    heading, row = call("dead-letter", "list", "--data-dir", tmp_path).out.splitlines()
    assert heading.split() == ["NAME", "SIGNAL", "TENANTS", "REQUESTS", "BYTES", "SINCE", "ERROR"]
    assert row.split()[:4] == [letter.name, "traces", "acme", "1"]
    assert row.endswith("Code: 6. DB::Exception: it says no")
    (listed,) = json.loads(call("dead-letter", "list", "--json", "--data-dir", tmp_path).out)
    assert listed["name"] == letter.name


def test_a_letter_is_shown_with_its_requests_in_readable_form(call: Call, tmp_path: Path, letter: DeadLetter) -> None:
    shown = json.loads(call("dead-letter", "show", letter.name[:4], "--data-dir", tmp_path).out)
    (content,) = shown["contents"]
    assert content["tenant"] == "acme"
    assert content["request"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] == "dead"


def test_a_name_that_is_none_or_several_is_a_failure(call: Call, tmp_path: Path, letter: DeadLetter) -> None:
    write_letter(tmp_path, "other", "0002-bb")
    for text, found in (("nope", 0), ("000", 2)):
        result = call("dead-letter", "show", text, "--data-dir", tmp_path)
        assert result.code == 1
        assert f"{found} dead letters" in result.err


def test_dropping_asks_first(call: Call, tmp_path: Path, letter: DeadLetter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())
    assert call("dead-letter", "drop", letter.name, "--data-dir", tmp_path).code == 1
    assert dead_letter.find_all(tmp_path / "spool") == [letter]
    assert call("dead-letter", "drop", "--all", "--yes", "--data-dir", tmp_path).code == 0
    assert dead_letter.find_all(tmp_path / "spool") == []


@pytest.mark.slow
def test_a_letter_is_loaded_again_by_the_process_that_runs(call: Call, up: Spanhouse) -> None:
    letter = write_letter(up.data_dir, "back from the dead", "0003-cc")
    assert call("dead-letter", "retry", letter.name, "--data-dir", up.data_dir).code == 0
    until(lambda: up.sql_text("SELECT TenantId FROM otel_traces WHERE SpanName = 'back from the dead'") == "acme")
    assert dead_letter.find_all(up.data_dir / "spool") == []
