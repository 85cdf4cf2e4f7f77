"""The state of each run as events tell it."""

import polars as pl

from spanhouse_schema.derive.rules.columns import FINAL, OWNERS, kind, said

_LAST = ("Progress", "TasksTotal", "TasksCompleted", "ConfidenceScore")
_FIRST = ("ParentExecutionId", "ServiceName", "AgentId", "AgentName", "AgentVersion", *OWNERS)
_STATE = ("Status", "StatusMessage", "WaitingFor", "ErrorType", "ErrorMessage")
# For so long a run counts as alive after an event that does not say it. In seconds.
_EXPIRES_IN_S, _MOST_EXPIRES_IN_S = 60.0, 1e8


def states(events: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each run that events tell of; its columns begin with `Said`.

    A final state wins over what is said later; otherwise the latest counts. The first word on whose it is holds.
    """
    is_final = pl.col("Status").is_in(FINAL)
    runs = events.sort("Timestamp", "EventId").group_by("Trace", "ExecutionId", maintain_order=True)
    latest = (
        events.sort(said("Status"), is_final, "Timestamp", "EventId")
        .unique(["Trace", "ExecutionId"], keep="last", maintain_order=True)
        .select("Trace", "ExecutionId", *(pl.col(name).alias(f"Said{name}") for name in _STATE))
    )
    found = runs.agg(
        FirstSaidAt=pl.col("Timestamp").first(),
        FinalAt=pl.col("Timestamp").filter(is_final).last(),
        LastEventAt=pl.col("Timestamp").last(),
        SaidExpiresInS=pl.min_horizontal(
            pl.col("ExpiresInSeconds").fill_null(_EXPIRES_IN_S), _MOST_EXPIRES_IN_S
        ).last(),
        SaidOutcome=_known("Outcome").last(ignore_nulls=True),
        **{f"Said{name}": pl.col(name).last(ignore_nulls=True) for name in _LAST},
        **{f"Said{name}": _known(name).first(ignore_nulls=True) for name in _FIRST},
    )
    return found.with_columns(pl.selectors.binary().fill_null(b"")).join(latest, on=["Trace", "ExecutionId"])


def runs_of(spans: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """Return the spans again: one that events say is a run is one, whatever its convention says."""
    if states.is_empty():
        return spans
    said_to_run = states.select("Trace", SpanId="ExecutionId", IsDeclared=True)
    return (
        spans.join(said_to_run, on=["Trace", "SpanId"], how="left", maintain_order="left")
        .with_columns(
            Kind=pl.when(pl.col("IsDeclared") & pl.col("Kind").is_in(["other", "chain"]))
            .then(kind("agent"))
            .otherwise("Kind")
        )
        .drop("IsDeclared")
    )


def _known(name: str) -> pl.Expr:
    return pl.when(said(name)).then(name)
