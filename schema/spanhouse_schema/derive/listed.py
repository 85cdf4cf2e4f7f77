"""Who settles, and where a settling is about to write: said before it does, for whoever comes after one that died."""

from typing import TYPE_CHECKING
from uuid import uuid4

from spanhouse_schema.clickhouse.database import Session

if TYPE_CHECKING:
    import polars as pl

MARGIN_S = 600.0
"""For how far back one who begins looks for what others left, at least. In seconds."""
# By the TTL of listed_executions.
_KEPT_DAYS = 2
_LISTED, _SETTLERS = "spanhouse.listed_executions", "spanhouse.settlers"
_LATELY = f"FROM {_LISTED} WHERE At >= now64(3) - toIntervalMillisecond({{within_ms:UInt64}})"
_FINISH = f"INSERT INTO {_SETTLERS} SELECT * REPLACE (now64(3) AS FinishedAt) FROM {_SETTLERS} FINAL WHERE"

_REACH = f"""
    INSERT INTO {_SETTLERS}
    SELECT * REPLACE (now64(3) - toIntervalMillisecond({{took_ms:UInt64}}) AS SettledTo)
    FROM {_SETTLERS} FINAL
    WHERE Settler = {{settler:String}}
        AND now64(3) - toIntervalMillisecond({{took_ms:UInt64}} + {{within_ms:UInt64}})
            <= (SELECT ifNull(max(SettledTo), toDateTime64(0, 3)) FROM {_SETTLERS})
"""


class Listed:
    """What one settler says, under a name of its own."""

    def __init__(self, session: Session) -> None:
        """Say that it begins, before it reads anything. Raises `DatabaseError`."""
        self._session = session
        self._settler = uuid4().hex
        self.has_noted = False
        """Whether it was about to write anything."""
        self._unfinished = (
            f"SELECT Settler FROM {_SETTLERS} FINAL WHERE isNull(FinishedAt) AND Settler != '{self._settler}'"
        )
        session.command(f"INSERT INTO {_SETTLERS} (Settler, BeganAt) SELECT '{self._settler}', now64(3)")

    def note(self, places: "pl.DataFrame", entries: "pl.DataFrame") -> None:
        """Write down where executions will be listed, and on which days the ledger's entries of each trace are.

        Raises `DatabaseError`.
        """
        import polars as pl  # noqa: PLC0415  # slow to import

        from spanhouse_schema.derive import frames  # noqa: PLC0415  # see above

        days = entries.group_by("TenantId", "TraceId").agg(Days=pl.col("Day").unique())
        rows = pl.concat([places, days], how="diagonal_relaxed").with_columns(
            pl.col("Days").fill_null([]), Settler=pl.lit(self._settler.encode())
        )
        self.has_noted |= not rows.is_empty()
        frames.insert(self._session, _LISTED, rows)

    def reach(self, within_ms: int, took_ms: int) -> None:
        """Record that what was inserted before a settling began is settled, now that it is done.

        It says nothing where the settling looked less far back than what was recorded before. Raises `DatabaseError`.
        """
        reached = {"settler": self._settler, "within_ms": str(within_ms), "took_ms": str(took_ms)}
        self._session.command(_REACH, reached)

    def finish(self) -> None:
        """Say that everything was written. Raises `DatabaseError`."""
        self._session.command(f"{_FINISH} Settler = '{self._settler}'")

    def is_alone(self, within_ms: int) -> bool:
        """Return whether nobody else listed anything in the last milliseconds. Raises `DatabaseError`."""
        ((settlers,),) = self._session.rows(f"SELECT uniqExact(Settler) {_LATELY}", {"within_ms": str(within_ms)})
        return int(settlers) < 2

    def doubtful_days(self) -> str | None:
        """Return a condition on `TenantId` and `Day`: whether an INSERT of others may have been broken off on it.

        They are the days of those that have not finished, as of when anything was last listed. None is no day. Raises
        `DatabaseError`.
        """
        days = (
            f"SELECT TenantId, arrayJoin(Days) FROM {_LISTED} WHERE Settler IN ({self._unfinished}) "
            f"AND At >= (SELECT max(At) FROM {_LISTED}) - toIntervalSecond({MARGIN_S:.0f})"
        )
        return f"(TenantId, Day) IN ({days})" if self._session.rows(f"SELECT 1 FROM ({days}) LIMIT 1") else None

    def are_any_forgotten(self) -> bool:
        """Return whether others have not finished of whom nobody knows where they wrote: it has expired.

        Raises `DatabaseError`.
        """
        return bool(self._session.rows(f"SELECT 1 FROM {_SETTLERS} FINAL WHERE {self._forgotten} LIMIT 1"))

    def forget(self) -> None:
        """Take those for finished. Raises `DatabaseError`."""
        self._session.command(f"{_FINISH} {self._forgotten}")

    @property
    def _forgotten(self) -> str:
        began = f"BeganAt < now64(3) - toIntervalDay({_KEPT_DAYS})"
        return f"{began} AND Settler IN ({self._unfinished}) AND Settler NOT IN (SELECT Settler FROM {_LISTED})"
