"""The figures that a recording comes to: what its program really did, what SQL says, and why where they differ."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from spanhouse_schema import Database

_CORPUS = Path(__file__).parents[1] / "corpus" / "expected.json"
_RECORDINGS = Path(__file__).parents[2] / "docs" / "recordings.json"

_RUN = "Kind IN ('agent', 'workflow') AND ParentExecutionId = ''"
_EXECUTIONS: Mapping[str, str] = {
    "top_level_runs": f"countIf({_RUN})",
    "agent_invocations": "countIf(Kind = 'agent')",
    "failed_top_level_runs": f"countIf({_RUN} AND Status = 'failed')",
    "input_tokens_incl_cache": "sumOrNull(InputTokens) + sum(ifNull(CacheReadTokens, 0) + ifNull(CacheWriteTokens, 0))",
    "output_tokens_incl_reasoning": "sumOrNull(OutputTokens) + sum(ifNull(ReasoningTokens, 0))",
}
_LLM_CALLS: Mapping[str, str] = {
    "llm_calls_ok": "countIf(operation = 'chat' AND success)",
    "llm_calls_failed": "countIf(operation = 'chat' AND NOT success)",
    "embeddings": "countIf(operation = 'embeddings')",
    "embedding_tokens": "sumOrNullIf(input_tokens, operation = 'embeddings')",
}
_ACTIONS: Mapping[str, str] = {"tool_calls": "count()", "tool_failures": "countIf(NOT success)"}
_VISIBLE: Mapping[str, str] = {
    "llm_calls_ok": "visible_llm_calls_ok",
    "input_tokens_incl_cache": "visible_input_tokens",
    "output_tokens_incl_reasoning": "visible_output_tokens",
}

Figures = dict[str, int | None]


def counted(database: Database, tenant: str) -> Figures:
    """What the tables say of a tenant; None is unknown."""
    return {
        **_select(database, _EXECUTIONS, "agent_executions FINAL", "TenantId", tenant),
        **_select(database, _LLM_CALLS, "llm_calls", "tenant_id", tenant),
        **_select(database, _ACTIONS, "agent_actions", "tenant_id", tenant),
    }


@cache
def expected() -> Mapping[str, Figures]:
    """What each recorded program did, as far as its telemetry lets one know."""
    return {name: _known(truth) for name, truth in json.loads(_CORPUS.read_text()).items()}


@cache
def visible(what: str) -> Mapping[str, set[str]]:
    """The `sessions` or the `users` that each recording's telemetry names."""
    known = json.loads(_CORPUS.read_text())
    return {name: set(truth[f"visible_{what}"]) for name, truth in known.items()}


@cache
def recordings() -> Mapping[str, Figures]:
    """What the manual says that SQL says of each recording."""
    return dict(json.loads(_RECORDINGS.read_text())["recordings"])


@cache
def misses() -> Mapping[str, Figures]:
    """The figures of each recording that are not met, with what they should be; the manual says why."""
    found: dict[str, Figures] = {}
    for miss in json.loads(_RECORDINGS.read_text())["misses"]:
        found.setdefault(miss["recording"], {})[miss["figure"]] = miss["expected"]
    return found


def _known(truth: Figures) -> Figures:
    # Without a call there is nobody to say that it used no tokens.
    calls = truth["llm_calls_ok"] or truth["llm_calls_failed"]
    silent = {} if calls else {"input_tokens_incl_cache": None, "output_tokens_incl_reasoning": None}
    visible = {figure: truth[name] for figure, name in _VISIBLE.items() if name in truth}
    known = {"embeddings": 0, "embedding_tokens": None} | truth | visible | silent
    return {figure: known[figure] for figure in (*_EXECUTIONS, *_LLM_CALLS, *_ACTIONS)}


def _select(database: Database, figures: Mapping[str, str], table: str, owner: str, tenant: str) -> Figures:
    selected = ", ".join(f"{expression} AS {figure}" for figure, expression in figures.items())
    (row,) = database.rows(
        f"SELECT {selected} FROM spanhouse.{table} WHERE {owner} = {{tenant:String}}", parameters={"tenant": tenant}
    )
    return dict(zip(figures, row, strict=True))
