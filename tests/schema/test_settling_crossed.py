"""Two settlings of one trace at once, neither seeing what the other writes: a sweep takes back what is left over."""

import threading
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from spanhouse_schema import Database
from spanhouse_schema.derive.settling import Settling, settle
from spanhouse_schema.proof.audit import Selection, audit
from tests.support.corpus_spans import span
from tests.support.expected_executions import assert_settled, expected, stored_calls, stored_executions
from tests.support.insert_rows import insert
from tests.support.watched_sessions import is_write, watch

AGENT, CHAT = {"gen_ai.operation.name": "invoke_agent"}, {"gen_ai.operation.name": "chat"}
# What the first settling sees: a root that never came, and a call. What the second one sees too: another root, and that
# the call is one with the one around it.
FIRST = [span("c", CHAT | {"gen_ai.usage.input_tokens": "7"}, "b")]
SECOND = [span("a", AGENT | {"gen_ai.agent.name": "root"}), span("b", CHAT, "a")]
_SWEEP_S = 600
_TIMEOUT_S = 60


@pytest.mark.slow
@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_what_two_settlings_at_once_leave_is_taken_back_by_a_sweep(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    left_over = 0
    for writes in count(step=step):
        tenant = f"crossed-{step}-{writes}"
        insert(database, {tenant: FIRST}, tmp_path)
        halted = _settled_while_another_halts(database, monkeypatch, writes, {tenant: SECOND}, tmp_path)
        left_over += (stored_executions(database, tenant), stored_calls(database, tenant)) != expected(
            [*FIRST, *SECOND]
        )
        settle(database, _SWEEP_S)
        assert_settled(database, tenant, [*FIRST, *SECOND])
        assert audit(database, Selection(tenant=tenant)).is_clean, writes
        if not halted:
            break
    assert left_over > 0, "otherwise this shows nothing"
    assert writes > 5, "it has halted before statements that write, up to the last one"


def _settled_while_another_halts(
    database: Database, monkeypatch: pytest.MonkeyPatch, writes: int, late: Mapping[str, list[Any]], directory: Path
) -> bool:
    """Settle what comes late, whole, while a settling from before halts between two writings; say whether it did."""
    halted, go_on, left = threading.Event(), threading.Event(), iter(range(writes))

    def halt_once(statement: str) -> None:
        if not halted.is_set() and is_write(statement) and next(left, None) is None:
            halted.set()
            assert go_on.wait(_TIMEOUT_S)

    with monkeypatch.context() as patch:
        watch(patch, database, halt_once)
        early = Settling(database)
        assert early.session
    thread = threading.Thread(target=early.settle, args=(30,))
    thread.start()
    while not halted.wait(0.05) and thread.is_alive():
        pass
    insert(database, late, directory)
    # As a collector does that looks at the last seconds only.
    with Settling(database) as other:
        other.settle(30)
    go_on.set()
    thread.join(_TIMEOUT_S)
    early.close()
    return halted.is_set()
