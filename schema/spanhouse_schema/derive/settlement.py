"""The rows that a stretch comes to, and tombstones for those that stand there no more."""

from decimal import Decimal
from typing import NamedTuple, Self

import polars as pl

from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames
from spanhouse_schema.derive.model_prices import prices_of
from spanhouse_schema.derive.rules.costs import PRICES
from spanhouse_schema.derive.rules.derivation import Derived, count, derive
from spanhouse_schema.derive.stretch import TRACE, Stretch

PLACE = [*TRACE, "ExecutionId", "AgentName", "StartedAt"]
"""Where an execution is listed by agent."""
# In the executions only: the fingerprint is what says that a trace needs nothing more.
_OF_EXECUTIONS = ("CameAt", "Fingerprint")


class Standing(NamedTuple):
    """The keys of calls and executions that stand there: all of them, or those that are not as they should be."""

    calls: pl.DataFrame
    executions: pl.DataFrame

    @classmethod
    def read(cls, session: Session) -> Self:
        """Return those of the traces in the session's table `stretch`. Raises `DatabaseError`."""
        return cls(frames.read(session, "stored_calls"), frames.read(session, "stored_executions"))


class Settlement(NamedTuple):
    """What the traces of a stretch come to, and the places where executions of them are or may be listed by agent.

    `left` are other traces, to which what is told in these may make a difference, and which were not derived with them.
    """

    traces: pl.DataFrame
    derived: Derived
    places: pl.DataFrame
    left: pl.DataFrame

    @classmethod
    def of(cls, session: Session, stretch: Stretch, timezone: str, *, looks_up_prices: bool) -> Self:
        """Derive a stretch, whose traces stand in the session's table `stretch`. Raises `DatabaseError`."""
        counted = count(stretch.spans, stretch.events, stretch.rivals)
        tenants = stretch.traces.select("TenantId", "Tenant").unique()
        models = counted.models.join(tenants, on="Tenant")
        prices = (
            pl.DataFrame(schema=PRICES)
            if models.is_empty()
            else prices_of(session, models, looks_up=looks_up_prices).join(
                tenants, on="TenantId", maintain_order="left"
            )
        )
        derived = derive(counted, prices, timezone)
        whose = stretch.traces.select(*TRACE, "Version", *_OF_EXECUTIONS)
        executions, calls, entries = (
            # A trace's number is its place among the traces.
            pl.concat([each.drop("Trace"), whose[each["Trace"]]], how="horizontal")
            for each in derived
        )
        rows = Derived(executions, calls.drop(_OF_EXECUTIONS), entries.drop("Version", *_OF_EXECUTIONS))
        settlement = cls(stretch.traces, rows, executions.select(*PLACE, "Version"), stretch.left)
        if not _were_settled(stretch.traces):
            return settlement
        return settlement.also_at(frames.read(session, "stored_places"))

    def also_at(self, places: pl.DataFrame) -> Self:
        """Return it with more places, each once."""
        together = pl.concat([self.places.select(PLACE), places]).unique()
        return self._replace(places=together.join(self.traces.select(*TRACE, "Version"), on=TRACE))

    def only(self, traces: pl.DataFrame) -> Self:
        """Return what is of some traces alone."""
        kept, *derived, places = (
            each.join(traces, on=TRACE, how="semi", maintain_order="left")
            for each in (self.traces, *self.derived, self.places)
        )
        return self._replace(traces=kept, derived=Derived(*derived), places=places)

    def only_calls(self, keys: pl.DataFrame) -> Self:
        """Return it with some of its calls alone: the others stand there already."""
        calls = self.derived.calls.join(keys, on=keys.columns, how="semi", maintain_order="left")
        return self._replace(derived=self.derived._replace(calls=calls))

    def cost(self) -> tuple[Decimal, int]:
        """Return what the executions cost themselves, in USD, and how many of their calls have no price."""
        ((usd, unpriced),) = self.derived.executions.select(
            pl.col("CostUSD").sum(), pl.col("UnpricedCalls").sum()
        ).rows()
        return usd or Decimal(0), unpriced

    def write(self, session: Session, standing: Standing | None = None) -> None:
        """Store it, when its places are written down and the ledger has its entries. The executions come last.

        What stands there is read unless it is given. Raises `DatabaseError`.
        """
        executions, calls, _ = self.derived
        live = {"agent_calls": calls, "agent_executions_by_agent": executions, "agent_executions": executions}
        gone = self._gone(standing or Standing.read(session)) if _were_settled(self.traces) else {}
        for table, rows in live.items():
            dead = [gone[table].with_columns(IsDeleted=pl.lit(1, pl.UInt8))] if table in gone else []
            rows_and_tombstones = pl.concat([rows.with_columns(IsDeleted=pl.lit(0, pl.UInt8)), *dead], how="diagonal")
            frames.insert(session, f"spanhouse.{table}", rows_and_tombstones)

    def _gone(self, standing: Standing) -> dict[str, pl.DataFrame]:
        """Return the keys that stand there, or may, and are not among the rows, with the version of their trace."""
        executions, calls, _ = self.derived
        stored = {
            "agent_calls": (standing.calls, calls),
            "agent_executions_by_agent": (self.places.select(PLACE), executions),
            "agent_executions": (standing.executions, executions),
        }
        versions = self.traces.select(*TRACE, "Version")
        return {
            table: there.join(live, on=there.columns, how="anti").join(versions, on=TRACE)
            for table, (there, live) in stored.items()
        }


def _were_settled(traces: pl.DataFrame) -> bool:
    return bool((traces["LastVersion"] > 0).any())
