"""The rows that a stretch comes to, and tombstones for those that stand there no more."""

from decimal import Decimal
from typing import NamedTuple, Self

import polars as pl

from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames
from spanhouse_schema.derive.model_prices import prices_of
from spanhouse_schema.derive.rules.derivation import Derived, count, derive
from spanhouse_schema.derive.rules.usage import days
from spanhouse_schema.derive.stretch import TRACE, Stretch

PLACE = [*TRACE, "ExecutionId", "AgentName", "StartedAt"]
"""Where an execution is listed by agent."""
# In the executions only: the fingerprint is what says that a trace needs nothing more.
_OF_TRACE = ("CameAt", "Fingerprint")


class Settlement(NamedTuple):
    """What the traces of a stretch come to, and where rows of them stand or may stand.

    `listed` has of each execution, wherever it is or may be listed, the days on which it may have spent something, and
    for whom: the columns of listed_executions.
    """

    traces: pl.DataFrame
    derived: Derived
    listed: pl.DataFrame

    @classmethod
    def of(cls, session: Session, stretch: Stretch, timezone: str, *, looks_up_prices: bool) -> Self:
        """Derive a stretch, whose traces stand in the session's table `stretch`. Raises `DatabaseError`."""
        counted = count(stretch.spans, stretch.events, stretch.rivals)
        tenants = stretch.traces.select("TenantId", "Tenant").unique()
        prices = prices_of(session, counted.models.join(tenants, on="Tenant"), looks_up=looks_up_prices)
        derived = derive(counted, prices.join(tenants, on="TenantId", maintain_order="left"), timezone)
        whose = stretch.traces.select("Trace", *TRACE, "Version")
        rows = Derived(*(each.join(whose, on="Trace", maintain_order="left").drop("Trace") for each in derived))
        listed = _listed(rows.executions, timezone)
        settlement = cls(stretch.traces, rows, listed)
        if not _were_settled(stretch.traces):
            return settlement
        return settlement.also_listed(frames.read(session, "stored_places", {"timezone": timezone}))

    def also_listed(self, *places: pl.DataFrame) -> Self:
        """Return it with more places in `listed`, one row for each."""
        lists = ("Days", "Users", "Sessions")
        listed = pl.concat([self.listed.drop("Version"), *places])
        together = listed.group_by(PLACE).agg(pl.col(name).explode().unique() for name in lists)
        versions = self.traces.select(*TRACE, "Version")
        return self._replace(listed=together.join(versions, on=TRACE))

    def only(self, traces: pl.DataFrame) -> Self:
        """Return what is of some traces alone."""
        kept, executions, calls, spend, listed = (
            each.join(traces, on=TRACE, how="semi", maintain_order="left")
            for each in (self.traces, *self.derived, self.listed)
        )
        return type(self)(kept, Derived(executions, calls, spend), listed)

    def rows(self) -> dict[str, pl.DataFrame]:
        """Return the rows of each table, by its name, in the order in which they are written."""
        executions = self.derived.executions.join(self.traces.select(*TRACE, *_OF_TRACE), on=TRACE)
        return {"agent_calls": self.derived.calls, "agent_spend": self.derived.spend, "agent_executions": executions}

    def cost(self) -> tuple[Decimal, int]:
        """Return what the executions cost themselves, in USD, and how many of their calls have no price."""
        ((usd, unpriced),) = self.derived.executions.select(
            pl.col("CostUSD").sum(), pl.col("UnpricedCalls").sum()
        ).rows()
        return usd or Decimal(0), unpriced

    def write(self, session: Session) -> None:
        """Store it; `listed` has been written. The executions come last. Raises `DatabaseError`."""
        rows = self.rows()
        executions = rows.pop("agent_executions")
        gone = self._gone(session) if _were_settled(self.traces) else {}
        tables = {**rows, "agent_executions_by_agent": executions, "agent_executions": executions}
        for table, live in tables.items():
            dead = [gone[table].with_columns(IsDeleted=pl.lit(1, pl.UInt8))] if table in gone else []
            rows_and_tombstones = pl.concat([live.with_columns(IsDeleted=pl.lit(0, pl.UInt8)), *dead], how="diagonal")
            frames.insert(session, f"spanhouse.{table}", rows_and_tombstones)

    def _gone(self, session: Session) -> dict[str, pl.DataFrame]:
        """Return the keys that stand there, or may, and are not among the rows, with the version of their trace."""
        executions, calls, spend = self.derived
        places = self.listed.select(PLACE)
        days_ = self.listed.select(*TRACE, "ExecutionId", Day="Days").explode("Day").drop_nulls("Day").unique()
        stored = {
            "agent_calls": (frames.read(session, "stored_calls"), calls),
            "agent_spend": (days_, spend),
            "agent_executions_by_agent": (places, executions),
            "agent_executions": (frames.read(session, "stored_executions"), executions),
        }
        versions = self.traces.select(*TRACE, "Version")
        return {
            table: there.join(live, on=there.columns, how="anti").join(versions, on=TRACE)
            for table, (there, live) in stored.items()
        }


def _listed(executions: pl.DataFrame, timezone: str) -> pl.DataFrame:
    used = pl.col("Usage").list.eval(pl.element().struct.field("Day"))
    began = pl.concat_list(days(executions["StartedAt"], timezone))
    return executions.select(
        *PLACE,
        "Version",
        Days=pl.concat_list(began, used).list.unique(),
        Users=pl.concat_list("UserId"),
        Sessions=pl.concat_list("SessionId"),
    )


def _were_settled(traces: pl.DataFrame) -> bool:
    return bool((traces["LastVersion"] > 0).any())
