"""A settling that dies between any two of its statements: whatever it had written, the next one makes right."""

from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from spanhouse_schema import Database
from spanhouse_schema.derive.settling import settle
from tests.support.corpus_spans import span
from tests.support.expected_budgets import assert_budgeted
from tests.support.expected_executions import assert_settled
from tests.support.expected_performance import assert_counted
from tests.support.insert_rows import insert
from tests.support.watched_sessions import is_write, watch

AGENT, CHAT = {"gen_ai.operation.name": "invoke_agent"}, {"gen_ai.operation.name": "chat"}
USED = CHAT | {"gen_ai.usage.input_tokens": "7"}
DAY_NS = 24 * 3600 * 10**9
BEGAN_NS = 1_790_000_000_000_000_000
NEVER_ENDED = 2**64 - 1

# A run that each request tells otherwise of (its agent, its client, its day), and roots that come after their calls.
FIRST = [span("c", USED, "a"), span("x", AGENT | {"gen_ai.agent.name": "one"}, Duration=NEVER_ENDED, TraceId="t2")]
SECOND = [
    span("d", USED, "b", TraceId="t3"),
    span("x", AGENT | {"gen_ai.agent.name": "two"}, Duration=NEVER_ENDED, Timestamp=BEGAN_NS + 1, TraceId="t2"),
]
THIRD = [
    span("a", AGENT | {"gen_ai.agent.name": "root"}),
    span("b", AGENT | {"gen_ai.agent.name": "late"}, TraceId="t3"),
    span(
        "x",
        AGENT | {"gen_ai.agent.name": "three", "spanhouse.client_account.id": "c"},
        Timestamp=BEGAN_NS + DAY_NS,
        TraceId="t2",
    ),
]
_MOST_WRITES = 20


class Died(Exception):
    """The process is gone."""


def test_what_a_settling_left_that_died_is_made_right(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of one tenant nothing comes meanwhile, of the other one spans do.
    deaths = [(f"died-{writes}", f"died-late-{writes}") for writes in range(_MOST_WRITES)]
    insert(database, dict.fromkeys(chain.from_iterable(deaths), FIRST), tmp_path)
    settle(database, 30)
    for writes, tenants in enumerate(deaths):
        insert(database, dict.fromkeys(tenants, SECOND), tmp_path)
        died = _dies(database, monkeypatch, writes)
        insert(database, {tenants[1]: THIRD}, tmp_path)
        settle(database, 30)
        for tenant, rows in zip(tenants, ([*FIRST, *SECOND], [*FIRST, *SECOND, *THIRD]), strict=True):
            assert_settled(database, tenant, rows)
            assert_counted(database, tenant)
            assert_budgeted(database, tenant)
            listed = _listed(database, "agent_executions", tenant)
            assert listed == _listed(database, "agent_executions_by_agent", tenant)
        if not died:
            break
    assert not died, "each statement that writes has been the one that did not"
    assert writes >= 8


def _dies(database: Database, monkeypatch: pytest.MonkeyPatch, writes: int) -> bool:
    """Settle until so many statements have written something, and say whether there was another one."""
    left = iter(range(writes))

    def die_of_one_more(statement: str) -> None:
        if is_write(statement) and next(left, None) is None:
            raise Died

    with monkeypatch.context() as patch:
        watch(patch, database, die_of_one_more)
        try:
            settle(database, 30)
        except Died:
            return True
    return False


def _listed(database: Database, table: str, tenant: str) -> list[tuple[Any, ...]]:
    return database.rows(
        "SELECT TraceId, ExecutionId, AgentName, toUnixTimestamp64Nano(StartedAt), ModelCalls "
        f"FROM spanhouse.{table} FINAL WHERE TenantId = '{tenant}' ORDER BY ALL"
    )
