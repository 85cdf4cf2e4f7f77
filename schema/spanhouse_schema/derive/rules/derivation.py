"""`derive`: from the spans and events of whole traces to their executions, calls and entries of the ledger.

A trace is derived as a whole and from nothing but its spans and events, prices, and the spans of other traces that
tell of the same responses: neither the order nor the splits nor the repeats of what came matter.
"""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from spanhouse_schema.derive.rules.buckets import DOUBTS, with_buckets
from spanhouse_schema.derive.rules.calls import with_calls
from spanhouse_schema.derive.rules.columns import (
    COMPUTED,
    OWNERS,
    PARTIAL,
    REPORTED,
    TOKENS,
    UNPRICED,
    as_tokens,
    first_said,
    said,
)
from spanhouse_schema.derive.rules.costs import UNIT, model, uses_tokens, with_costs, word
from spanhouse_schema.derive.rules.counted import counted_calls, counted_runs
from spanhouse_schema.derive.rules.duplicates import told_once, with_fuller
from spanhouse_schema.derive.rules.entries import entries
from spanhouse_schema.derive.rules.executions import executions as executions_of
from spanhouse_schema.derive.rules.kinds import with_kinds
from spanhouse_schema.derive.rules.latest import latest_states, once_each
from spanhouse_schema.derive.rules.lineage import Lineage
from spanhouse_schema.derive.rules.logged import parted, with_logged
from spanhouse_schema.derive.rules.outcomes import duration_ms, with_outcomes
from spanhouse_schema.derive.rules.owners import owners
from spanhouse_schema.derive.rules.states import runs_of, states
from spanhouse_schema.derive.rules.tree import placed
from spanhouse_schema.derive.rules.usage import usage

_COUNTS = (
    *("ModelCalls", "FailedModelCalls", "EmbeddingCalls", "ToolCalls", "FailedToolCalls", "Retries", "UnpricedCalls"),
)
_SUMS = (*TOKENS, "EmbeddingTokens", "CostUSD")
_BITS = {bit: f"CostSources{bit}" for bit in (REPORTED, COMPUTED, UNPRICED, PARTIAL)}
EXECUTIONS = (
    *("Trace", "ExecutionId", "ParentExecutionId", "RootExecutionId", "MergedIds", "Kind", "ServiceName", "AgentId"),
    *("AgentName", "AgentVersion", *OWNERS, "Status", "StatusMessage", "WaitingFor", "StartedAt", "EndedAt"),
    *("DurationMs", "ErrorType", "ErrorMessage", "InputPreview", "OutputPreview", "ConfidenceScore", "Outcome"),
    *("Progress", "TasksTotal", "TasksCompleted", "LastEventAt", "ExpiresAt", *_COUNTS, *_SUMS, "CostSource"),
    *(f"Total{name}" for name in (*_COUNTS, *_SUMS, "CostSource")),
    "Usage",
)
CALLS = (
    *("Trace", "SpanId", "MergedIds", "Kind", "ExecutionId", "RootExecutionId", "ServiceName", "AgentId", "AgentName"),
    *("SessionId", "UserId", "ClientAccountId", "EngagementId", "StartedAt", "EndedAt", "DurationMs", "Success"),
    *("ErrorType", "ErrorMessage", "Provider", "RequestModel", "ResponseModel", "ResponseId", "Retries", *TOKENS),
    *(*DOUBTS, "UsageParts", "ServiceTier", "CostUSD", "CostSource", "ReportedCostUSD", "ComputedCostUSD", "ToolName"),
    *("ToolCallId", "ToolArgumentsPreview", "ToolResultPreview"),
)


class Counted(NamedTuple):
    """Spans in their places, the calls and runs that they tell of, and what was said of runs."""

    spans: pl.DataFrame
    calls: pl.DataFrame
    runs: pl.DataFrame
    states: pl.DataFrame

    @property
    def models(self) -> pl.DataFrame:
        """The models that prices are needed of: `Tenant`, `Provider` and `Model`, each once."""
        named = (
            each.select("Tenant", "Kind", "Provider", *TOKENS, "UsageParts", "HasUnread", Model=model())
            for each in (self.calls, self.runs)
        )
        return pl.concat(named).filter(uses_tokens() & said("Model")).select("Tenant", "Provider", "Model").unique()


class Derived(NamedTuple):
    """What traces come to, in the columns of agent_executions, agent_calls and daily_ledger, with `Trace`."""

    executions: pl.DataFrame
    calls: pl.DataFrame
    entries: pl.DataFrame


def count(spans: pl.DataFrame, events: pl.DataFrame, rivals: pl.DataFrame) -> Counted:
    """Return what counts, before anything has a price.

    `spans` are rows of agent_spans, with `Trace`, `Tenant` (a tenant's number) and `Signature`; `events` rows of
    execution_events with `Trace` and `Tenant`; `rivals` has the columns of `duplicates.RIVALS`.
    """
    said_of_runs = states(once_each(events))
    told, logged = parted(latest_states(spans))
    known_spans = with_buckets(with_logged(with_kinds(told), logged, rivals))
    placed_spans = placed(runs_of(known_spans, said_of_runs))
    with_their_calls = with_calls(placed_spans)
    once = told_once(with_their_calls, rivals.filter(~pl.col("FromLog")))
    calls = with_fuller(counted_calls(with_their_calls, once.lost), once.fuller)
    return Counted(with_their_calls, calls, counted_runs(with_their_calls, calls), said_of_runs)


def derive(counted: Counted, prices: pl.DataFrame, timezone: str) -> Derived:
    """Return what they come to at these prices, in the columns of `costs.PRICES`; days begin in `timezone`."""
    priced = with_costs(pl.concat([counted.calls, counted.runs]), prices)
    calls, runs = priced[: counted.calls.height], priced[counted.calls.height :]
    found = executions_of(runs, calls, counted.states)
    lineage = Lineage(found)
    settled = with_outcomes(found, lineage, owners(counted.spans))
    used = usage(calls, settled, timezone)
    return Derived(_executions(settled, lineage, used), _calls(calls, settled), entries(calls, settled, used, timezone))


def _executions(settled: pl.DataFrame, lineage: Lineage, used: pl.DataFrame) -> pl.DataFrame:
    totals = lineage.totals(settled.select(*_COUNTS, *_known(_SUMS), *_bits()))
    total_sources = pl.sum_horizontal(pl.when(pl.col(name) > 0).then(bit).otherwise(0) for bit, name in _BITS.items())
    total = totals.select(
        *(pl.col(name).cast(pl.UInt32).alias(f"Total{name}") for name in _COUNTS),
        *(_unknown_where_none(name).alias(f"Total{name}") for name in _SUMS),
        TotalCostSource=word(total_sources),
    )
    return (
        pl.concat([settled, total], how="horizontal")
        .join(used, on=["Trace", "ExecutionId"], how="left", maintain_order="left")
        .with_columns(
            pl.col("MergedIds").fill_null([]),
            pl.col("Usage").fill_null([]),
            pl.col("Kind").cast(pl.String),
            pl.col("CostUSD", "TotalCostUSD") * UNIT,
            CostSource=word(pl.col("CostSources")),
            **{f"Total{name}": as_tokens(pl.col(f"Total{name}")) for name in _SUMS if name != "CostUSD"},
        )
        .select(EXECUTIONS)
    )


def _known(names: tuple[str, ...]) -> Iterator[pl.Expr]:
    """Sums of what is known, and of how often something is."""
    for name in names:
        yield pl.col(name).fill_null(0).cast(pl.Int128)
        yield pl.col(name).is_not_null().cast(pl.UInt32).alias(f"Known{name}")


def _unknown_where_none(name: str) -> pl.Expr:
    return pl.when(pl.col(f"Known{name}") > 0).then(name)


def _bits() -> Iterator[pl.Expr]:
    for bit, name in _BITS.items():
        yield ((pl.col("CostSources") & bit) > 0).cast(pl.UInt32).alias(name)


def _calls(calls: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    of_execution = ("RootExecutionId", "AgentId", "AgentName")
    own = calls.drop("AgentId", "AgentName", "ParentExecutionId").join(
        settled.select("Trace", "ExecutionId", *of_execution, *(pl.col(name).alias(f"{name}Near") for name in OWNERS)),
        on=["Trace", "ExecutionId"],
        maintain_order="left",
    )
    return own.with_columns(
        *(first_said([name, f"{name}Near"]).alias(name) for name in OWNERS),
        *(pl.col(name) * UNIT for name in ("CostUSD", "ReportedCostUSD", "ComputedCostUSD")),
        pl.col("Kind").cast(pl.String),
        CostSource=word(pl.col("CostSources")),
        Success=~pl.col("Failed"),
        DurationMs=duration_ms(),
    ).select(CALLS)
