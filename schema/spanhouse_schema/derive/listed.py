"""`listed_executions`: where a settling is about to write, said before it does, for whoever comes after."""

from typing import TYPE_CHECKING
from uuid import uuid4

from spanhouse_schema.clickhouse.database import Session

if TYPE_CHECKING:
    import polars as pl

MARGIN_S = 600.0
"""For how far back one who begins looks for what others left, at least. In seconds."""
_TABLE = "spanhouse.listed_executions"
_SETTLERS = (
    f"SELECT uniqExact(Settler) FROM {_TABLE} WHERE At >= now64(3) - toIntervalMillisecond({{within_ms:UInt64}})"
)
# By those that did not finish, when anything was last written at all.
_DOUBTFUL = f"""
    SELECT TenantId, arrayJoin(Days) FROM {_TABLE}
    WHERE At >= (SELECT max(At) FROM {_TABLE}) - toIntervalSecond({MARGIN_S:.0f})
        AND Settler NOT IN (SELECT Settler FROM {_TABLE} WHERE TenantId = '')
"""
DOUBTFUL = f"(TenantId, Day) IN ({_DOUBTFUL})"
"""A condition on `TenantId` and `Day`: whether an INSERT into the ledger may have been broken off on it."""


class Listed:
    """What one settler says there, under a name of its own."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settler = uuid4().hex

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
        frames.insert(self._session, _TABLE, rows)

    def finish(self) -> None:
        """Say that everything was written. Raises `DatabaseError`."""
        self._session.command(f"INSERT INTO {_TABLE} (Settler) VALUES ('{self._settler}')")

    def settlers(self, within_ms: int) -> int:
        """Return how many settled anything in the last milliseconds. Raises `DatabaseError`."""
        ((settlers,),) = self._session.rows(_SETTLERS, {"within_ms": str(within_ms)})
        return int(settlers)


def is_anything_doubtful(session: Session) -> bool:
    """Return whether there are days that `DOUBTFUL` holds for. Raises `DatabaseError`."""
    return bool(session.rows(f"SELECT 1 FROM ({_DOUBTFUL}) LIMIT 1"))
