"""Attacks on the seal around a reader: nothing of another tenant's rows or of the owner's files comes back.

`attacks.sql` is the table of statements; what is tried around a statement stands here.
"""

import re
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from spanhouse_api.sql.allowlist import FORMATS
from spanhouse_schema import Database, Settings
from spanhouse_schema.access.row_filters import readable
from tests.api.conftest import SECRET, Door

_CALL, _SAID = (
    "agent_calls (TenantId, Kind, SpanId, TraceId)",
    "record_statements (TenantId, About, SessionId, Id, Said, EventName)",
)
_TRIAGE = (
    """'output', {text}, {text}, map('schema', 'TriageOutput', 'json', concat('{"files":[{"file_id":"', {text}, """
    """'","domain_scores":[{}],"entities":[{}]}],"groupings":[{"name":"', {text}, '"}]}')), ''"""
)
_SPENT = "spend_sums (TenantId, Scope, ScopeId, Entries)"
_LIMIT = "budget_limits (tenant_id, scope, period, scope_id)"
# A view shows rows of other tables, under names of its own: what makes a row of it.
_SHOWN = {
    "llm_calls": (_CALL, "'model', 'm', {text}"),
    "agent_actions": (_CALL, "'tool', 't', {text}"),
    "agent_execution_history": ("agent_executions (TenantId, ExecutionId)", "{text}"),
    "agent_execution_payloads": (
        "otel_traces (TenantId, SpanId, SpanAttributes)",
        "{text}, map('input.value', {text})",
    ),
    "record_statements_in_context": (_SAID, "'session', {text}, {text}, map(), ''"),
    "agent_sessions": (_SAID, "'session', {text}, {text}, map('phase', {text}), ''"),
    "agent_metrics": (_SAID, "'session', {text}, {text}, map('outcome', {text}), ''"),
    "agent_triggers": (_SAID, "'trigger', {text}, {text}, map('reason', {text}), 'spanhouse.trigger'"),
    "agent_task_history": (_SAID, "'task', {text}, {text}, map('id', {text}), 'spanhouse.task.running'"),
    "agent_discovered_patterns": (_SAID, "'pattern', {text}, {text}, map('id', {text}), 'spanhouse.pattern'"),
    **dict.fromkeys(("budget_limits_now", "budget_verdicts"), (_LIMIT, "'user', 'day', {text}")),
    "agent_performance_daily": ("performance_sums (TenantId, AgentName, Executions)", "{text}, 1"),
    "model_usage_daily": ("model_usage_sums (TenantId, Model, Uses)", "{text}, 1"),
    "unread_usage": ("agent_spans (TenantId, ScopeName, UnreadUsage)", "{text}, [({text}, 1)]"),
    "agent_budget_daily": (_SPENT, "'user', {text}, 1"),
    **dict.fromkeys(("agent_budget", "tenant_budget_daily"), (_SPENT, "'tenant', {text}, 1")),
    **dict.fromkeys(
        ("agent_outputs", "triage_files", "triage_domain_scores", "triage_entities", "triage_groupings"),
        (_SAID, _TRIAGE),
    ),
}
MARKER = "zed-only-7f3a91"
FILE_TEXT = "owner-only-c2e804"
# Where what a reader must not have could show: another tenant's rows, a file, an error that quotes either.
_LEAKS = re.compile(f"{MARKER}|{FILE_TEXT}|\\bseen\\b|{SECRET}")

pytestmark = pytest.mark.slow

_ATTACKS = Path(__file__).with_name("attacks.sql")


class Attack(NamedTuple):
    """A statement, and what becomes of it: the rule that denies it, `refused` or `harmless`."""

    outcome: str
    statement: str


def _attacks() -> list[Attack]:
    found, outcome = [], ""
    for line in _ATTACKS.read_text(encoding="utf-8").splitlines():
        heading = re.match(r"-- ([a-z ]+): ", line)
        if heading:
            outcome = heading[1]
        elif line and not line.startswith("-- ") and outcome:
            found.append(Attack(outcome, line))
    return found


class Target(NamedTuple):
    """What is to be protected: a file with a secret, a file that must not come to be."""

    secret: Path
    out: Path


@pytest.fixture(scope="module")
def target(database: Database, settings: Settings, door: Door, tmp_path_factory: pytest.TempPathFactory) -> Target:
    """A row of zed with a marker in every table that readers read, and one of acme beside it; a file with a secret."""
    assert door.port
    for name, table in readable(database):
        if name == "spanhouse":
            _plant(database, table)
    secret = settings.data_dir / "secret.txt"
    secret.write_text(FILE_TEXT)
    return Target(secret, tmp_path_factory.mktemp("out") / "leak.csv")


def _plant(database: Database, table: str) -> None:
    texts = database.rows(
        "SELECT (SELECT engine FROM system.tables WHERE database = 'spanhouse' AND name = {table:String}), name "
        "FROM system.columns WHERE database = 'spanhouse' AND table = {table:String} "
        "AND type IN ('String', 'LowCardinality(String)') AND lower(name) NOT IN ('tenantid', 'tenant_id') "
        "ORDER BY position LIMIT 1",
        parameters={"table": table},
    )
    if not texts:
        # It says when, and how much.
        return
    ((engine, column),) = texts
    owner = "TenantId" if (table, "TenantId") in _columns(database) else "tenant_id"
    target, values = _SHOWN[table] if engine == "View" else (f"{table} ({owner}, {column})", "{text}")
    for tenant, text in (("zed", MARKER), ("acme", "acme's own")):
        database.command(
            f"INSERT INTO spanhouse.{target} SELECT {{tenant:String}}, {values.replace('{text}', '{text:String}')}",
            parameters={"tenant": tenant, "text": text},
        )


def _columns(database: Database) -> set[tuple[str, str]]:
    return {
        (table, name)
        for table, name in database.rows("SELECT table, name FROM system.columns WHERE database = 'spanhouse'")
    }


@pytest.fixture
def sealed(acme: httpx.Client, target: Target, http: httpx.Client) -> Generator[httpx.Client]:
    """The reader's client; afterwards the door still answers, and nothing has been written or dropped."""
    yield acme
    assert acme.post("/", content="SELECT 1").text == "1\n"
    assert not target.out.exists()
    assert http.post("/", content="EXISTS TABLE spanhouse.leak").text == "0\n"
    assert http.post("/", content="SELECT count() > 0 FROM otel_traces WHERE TenantId = 'zed'").text == "1\n"


def assert_nothing_leaks(reply: httpx.Response) -> None:
    """Neither the body nor a header holds what a reader must not have."""
    assert not _LEAKS.search(reply.content.decode(errors="replace"))
    assert not _LEAKS.search(str(reply.headers))
    assert '"read_rows": "0"' in reply.headers.get("x-clickhouse-summary", '"read_rows": "0"')


@pytest.mark.parametrize("attack", _attacks(), ids=lambda attack: attack.statement[:60])
def test_a_statement(sealed: httpx.Client, target: Target, attack: Attack) -> None:
    statement = attack.statement.replace("{secret}", str(target.secret)).replace("{out}", str(target.out))
    named = {"explain_denied": "1", "param_f": "file", "param_t": "processes", "param_a": "x"}
    explained = sealed.post("/", content=statement, params=named)
    reply = sealed.post(
        "/", content=statement, params={name: named[name] for name in named if name != "explain_denied"}
    )
    assert_nothing_leaks(reply)
    if attack.outcome == "harmless":
        assert explained.json()["allowed"]
    elif attack.outcome == "refused":
        assert 400 <= reply.status_code < 500
    else:
        assert (reply.status_code, reply.headers["x-clickhouse-exception-code"]) == (403, "497")
        assert explained.json()["rule"] == attack.outcome


def test_an_attack_in_any_format_that_readers_have(sealed: httpx.Client) -> None:
    for format_ in sorted(FORMATS):
        reply = sealed.post(
            "/", content="SELECT TenantId, SpanName FROM otel_traces", params={"default_format": format_}
        )
        assert_nothing_leaks(reply)
    assert '"rows_read"' not in sealed.post("/", content="SELECT 1 FORMAT JSON").text


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"readonly": "0"}, 0),
        ({"log_comment": ""}, 497),
        ({"log_comment": "tenant:zed"}, 497),
        ({"LOG_COMMENT": ""}, 497),
        ({"profile": "default"}, 497),
        ({"max_memory_usage": "0"}, 497),
        ({"max_rows_to_read": "1"}, 497),
        ({"output_format_schema": "leak"}, 497),
        ({"output_format_write_statistics": "1"}, 497),
        ({"implicit_select": "1"}, 497),
        ({"dialect": "kusto"}, 497),
        ({"database": "system"}, 81),
        ({"database": "information_schema"}, 81),
        ({"database": "default"}, 0),
        ({"default_format": "Template"}, 497),
        ({"default_format": "TSV INTO OUTFILE 'x'"}, 73),
        ({"limit = 1, log_comment": ""}, 115),
        ({"limit": "1', log_comment = '"}, 0),
        ({"date_time_output_format": "x', readonly = '0"}, 0),
        ({"additional_table_filters": "{}, log_comment = ''"}, 497),
        ({"additional_table_filters": "{'otel_traces': '1) OR (1'}"}, 62),
        ({"additional_table_filters": "{'otel_traces': '1 OR file(1)'}"}, 497),
        ({"role": "admin", "user": "admin", "quota_key": "x", "stacktrace": "1"}, 0),
        ({"session_id": "owned", "session_timeout": "60"}, 0),
        ({"explain_denied": "0"}, 0),
        ({"param_x": "'); DROP TABLE spanhouse.otel_traces; --"}, 0),
        ({"query": "SELECT SpanName FROM otel_traces UNION ALL"}, 0),
    ],
)
def test_parameters_of_the_url(sealed: httpx.Client, parameters: dict[str, str], code: int) -> None:
    reply = sealed.post("/", content="SELECT SpanName FROM otel_traces", params=parameters)
    assert_nothing_leaks(reply)
    told = int(reply.headers.get("x-clickhouse-exception-code", "0"))
    # 0: the door does not mind; what is no value of that setting, ClickHouse refuses.
    assert told == code or (code == 0 and told not in {0, 497} and reply.status_code >= 400)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-clickhouse-database": "system"},
        {"x-clickhouse-format": "Template"},
        {"x-clickhouse-user": "default", "x-clickhouse-quota": "x"},
        {"x-clickhouse-setting-log_comment": ""},
    ],
)
def test_headers(sealed: httpx.Client, headers: dict[str, str]) -> None:
    assert_nothing_leaks(sealed.post("/", content="SELECT SpanName FROM otel_traces", headers=headers))


def test_the_owners_session_is_not_the_readers(sealed: httpx.Client, http: httpx.Client) -> None:
    session = {"session_id": "shared"}
    http.post(
        "/", content="CREATE TEMPORARY TABLE mine AS SELECT * FROM otel_traces", params=session
    ).raise_for_status()
    http.post("/", content="SET log_comment = ''", params=session).raise_for_status()
    for statement in ("SELECT * FROM mine", "SELECT SpanName FROM otel_traces", "SELECT count() FROM otel_traces"):
        assert_nothing_leaks(sealed.post("/", content=statement, params=session))
    assert sealed.post("/", content="SELECT * FROM mine", params=session).status_code == 403
    # The owner's still is what it was.
    assert (
        http.post("/", content="SELECT count() > 1 FROM mine", params={**session, "close_session": "1"}).text == "1\n"
    )


def test_a_statement_of_another_is_not_seen_and_not_stopped(
    sealed: httpx.Client, door: Door, reader_keys: dict[str, str]
) -> None:
    other = {"x-clickhouse-key": reader_keys["zed"]}
    asked = f"SELECT count(), '{MARKER}' FROM numbers(300000000) WHERE NOT ignore(sipHash64(number))"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(httpx.post, door.url, content=asked, headers=other, params={"query_id": "z"}, timeout=60)
        while not running.done():
            assert_nothing_leaks(sealed.post("/", content="SELECT * FROM system.processes"))
            assert sealed.post("/", content="KILL QUERY WHERE query_id = 'z' SYNC").status_code == 403
            assert_nothing_leaks(sealed.post("/", content="SELECT 1", params={"query_id": "z"}))
    assert running.result().text == f"300000000\t{MARKER}\n"


@pytest.mark.parametrize(
    "statement",
    [
        b"SELECT 1 -- \xff\xfe",
        b"SELECT 1\x00 UNION ALL SELECT 2",
        b"\xef\xbb\xbfSELECT SpanName FROM otel_traces",
        b"SELECT SpanName FROM otel_traces /* \xff",
        "SELECT SpanName FROM otel_traces WHERE 1 \u2028 -- x".encode(),
        b"SELECT SpanName FROM otel_traces #",
        b"SELECT SpanName FROM otel_traces --\r",
        b"SELECT SpanName FROM otel_traces FORMAT CSV --",
        b"SELECT SpanName FROM otel_traces; -- ;",
        b"(((((SELECT SpanName FROM otel_traces)))))",
        b"SELECT SpanName INTO FROM otel_traces",
        b"SELECT 1 AS INTO, 2 AS OUTFILE, 3 AS FORMAT",
        b"SELECT 1 FORMAT",
    ],
)
def test_bytes_that_could_hide_what_the_door_puts_behind_them(sealed: httpx.Client, statement: bytes) -> None:
    assert_nothing_leaks(sealed.post("/", content=statement))


def test_every_column_of_every_readable_table_can_be_read_by_its_name(sealed: httpx.Client, database: Database) -> None:
    for name, table in sorted(readable(database)):
        if name != "spanhouse":
            continue
        columns = database.rows(
            "SELECT name FROM system.columns WHERE database = 'spanhouse' AND table = {table:String}",
            parameters={"table": table},
        )
        listed = ", ".join(f"`{column}`" for (column,) in columns)
        reply = sealed.post("/", content=f"SELECT {listed} FROM {table}")
        assert reply.status_code == 200, reply.text
        assert_nothing_leaks(reply)


def test_every_view_shows_a_reader_its_tenants_rows_and_they_are_there(
    sealed: httpx.Client, http: httpx.Client
) -> None:
    for view in _SHOWN:
        # A tenant's budget has no text but the tenant's name.
        hidden, shown = ("zed", "acme") if view in {"agent_budget", "tenant_budget_daily"} else (MARKER, "acme's own")
        everybodys = http.post("/", content=f"SELECT * FROM {view}").text
        assert hidden in everybodys, f"{view}: what is hidden must be there"
        ours = sealed.post("/", content=f"SELECT * FROM {view} FORMAT TSVRaw").text
        assert (shown in ours, hidden in ours) == (True, False), view
