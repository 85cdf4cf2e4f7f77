"""`spanhouse conventions suggest`, and who else tells of usage that nobody reads: doctor, and the metrics."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from spanhouse_schema.conventions import read_kind_rules, read_spellings
from spanhouse_schema.conventions.suggestions import ATTRIBUTES_HEAD, KINDS_HEAD
from tests.support.process import Spanhouse, free_port, run, started_before
from tests.support.waiting import until

pytestmark = pytest.mark.slow

# Two emitters that tell alike, JSON, a span that no rule knows and that came twice, and names that mean harm.
_SPANS = r"""
    INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ScopeName, ServiceName, SpanAttributes, TenantId)
    SELECT now64(9) - INTERVAL 1 MINUTE, leftPad(toString(said.1), 32, '0'), leftPad(toString(said.1), 16, '0'),
        concat('infer ', said.4['gen_ai.response.model']), said.2, said.3, said.4, 'acme'
    FROM (SELECT arrayJoin([
        (1, 'vendor.scope', 'shop', map('vendor.usage.cached', '61')),
        (2, '', 'shop', map('vendor.usage.cached', '5')),
        (3, 'vendor.scope', 'shop', map('vendor.usage.raw', '{"details":{"thoughts":7}}')),
        (4, 'new.scope', 'shop', map('gen_ai.response.model', 'm-1', 'gen_ai.usage.input_tokens', '9')),
        (4, 'new.scope', 'shop', map('gen_ai.response.model', 'm-1', 'gen_ai.usage.input_tokens', '9')),
        (5, 'evil\x1b[2J', 'shop', map('usage\nCacheReadTokens\tevil.usage\tevil', '8', 'usage.\x1b[2Jcached', '8'))
    ]) AS said)
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation that no process holds, with these spans."""
    data_dir = started_before(tmp_path_factory.mktemp("conventions") / "data")
    _run(data_dir, "sql", _SPANS)
    _run(data_dir, "rebuild", "--all")
    return data_dir


def test_it_prints_rows_of_the_tables_and_says_where_each_was_seen(data_dir: Path) -> None:
    printed = _run(data_dir, "conventions", "suggest")
    attributes, kinds = (_rows(part) for part in printed.split("# kinds.tsv: "))
    read = read_spellings("\n".join([ATTRIBUTES_HEAD, *attributes]))
    assert sorted((each.concept, each.attribute, each.path) for each in read) == [
        ("CacheReadTokens", "vendor.usage.cached", ()),
        ("ReasoningTokens", "vendor.usage.raw", ("details", "thoughts")),
    ]
    (rule,) = read_kind_rules("\n".join([KINDS_HEAD, *kinds]))
    assert (rule.kind, rule.where, rule.value, rule.scope) == ("model", "span name", "infer %", "new.scope")
    assert "# vendor.usage.cached of vendor.scope: tokens 61, spans 1, seen " in printed
    assert f"for example in span {1:016} of trace {1:032} of tenant acme; unsure: read from a cache, or" in printed
    assert "# vendor.usage.cached of shop: tokens 5, spans 1, seen " in printed
    assert "# infer % of new.scope: calls of a model 1, spans 1\n" in printed


def test_what_a_client_sent_forges_no_row_and_drives_no_terminal(data_dir: Path) -> None:
    printed = _run(data_dir, "conventions", "suggest")
    assert printed.replace("\n", "").replace("\t", "").isprintable()
    assert "# usage\\nCacheReadTokens\\tevil.usage\\tevil of evil\\x1b[2J: tokens 8, " in printed
    assert [row for row in _rows(printed) if "evil" in row] == []


def test_a_program_reads_it_as_json(data_dir: Path) -> None:
    printed = json.loads(_run(data_dir, "conventions", "suggest", "--json"))
    told = {(each["emitter"], each["name"]): each for each in printed["attributes"]}
    assert told["vendor.scope", "vendor.usage.raw: thoughts"]["row"].split("\t")[0] == "ReasoningTokens"
    evil = told["evil\x1b[2J", "usage.\x1b[2Jcached"]
    assert (evil["row"], evil["doubt"], evil["spans"], evil["tokens"]) == (None, "a row cannot spell that name", 1, 8)
    assert [each["scope"] for each in printed["kinds"]] == ["new.scope"]


def test_where_everything_is_read_it_says_so(tmp_path: Path) -> None:
    printed = _run(started_before(tmp_path / "data"), "conventions", "suggest")
    assert printed == "# No span tells of usage under a name that nobody reads.\n"


def test_doctor_names_the_emitters_and_the_command_that_helps(data_dir: Path) -> None:
    free = [text for flag in ("otlp-http", "otlp-grpc", "sql") for text in (f"--{flag}", f"127.0.0.1:{free_port()}")]
    found: list[dict[str, Any]] = json.loads(_run(data_dir, "doctor", "--json", *free))
    (finding,) = [finding for finding in found if finding["check"] == "usage"]
    assert finding["level"] == "warn"
    assert finding["message"].endswith("names that nobody reads: 2 of vendor.scope, 1 of evil\\x1b[2J, 1 of shop")
    assert "`spanhouse conventions suggest`" in finding["advice"]


def test_a_metric_counts_the_spans_and_has_no_name_of_a_client(data_dir: Path) -> None:
    with Spanhouse.start("up", data_dir=data_dir) as up:
        until(lambda: "\nspanhouse_unread_usage_spans 4.0\n" in httpx.get(f"{up.http}/metrics").text)
        assert "vendor" not in httpx.get(f"{up.http}/metrics").text
        # Beside a process that holds the data, too.
        assert "vendor.usage.cached" in _run(data_dir, "conventions", "suggest")


def _run(data_dir: Path, *arguments: str) -> str:
    done = run(*arguments, "--data-dir", str(data_dir))
    assert done.returncode == 0, done.stderr
    return done.stdout


def _rows(printed: str) -> list[str]:
    _, _, lines = printed.partition("\n")
    return [line for line in lines.splitlines() if line and not line.startswith("#")]
