"""The traces that tell of a call of which another trace may tell too: found once for all stretches.

A stretch would look each of its responses up among those of all traces, which is to read them all for each stretch.
"""

import time

import polars as pl

from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames

# For how long an INSERT may be underway. In seconds.
_MARGIN_S = 10.0
_TABLE = """
    CREATE TEMPORARY TABLE sharing (TenantId LowCardinality(String), TraceId String) ENGINE = MergeTree ORDER BY TraceId
"""
_OF_RESPONSES = """
    INSERT INTO sharing SELECT DISTINCT TenantId, TraceId
    FROM spanhouse.response_ids
    WHERE (TenantId, ResponseId) IN ({responses})
"""
# Read in the order of the table, so that no more than one response is remembered at a time.
_SHARED = """
    SELECT TenantId, ResponseId
    FROM spanhouse.response_ids
    WHERE unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String})
    GROUP BY TenantId, ResponseId
    HAVING uniqUpTo(100)(TraceId) BETWEEN 2 AND 100
    SETTINGS optimize_aggregation_in_order = 1
"""
_TOLD_LATELY = """
    SELECT TenantId, arrayJoin(response_keys(
        ResponseId, Failed, Process, StartedAt, ifNull(EndedAt, StartedAt), FromLog, ScopeName, ServiceName, SessionId
    ))
    FROM spanhouse.agent_spans
    WHERE Kind = 'model' AND (TenantId, TraceId) IN
    (
        SELECT TenantId, TraceId
        FROM spanhouse.touched_traces
        WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64})
    )
"""
_BETWEEN = """
    SELECT DISTINCT TenantId, TraceId FROM sharing
    WHERE TraceId BETWEEN unhex({first:String}) AND unhex({last:String})
"""


class Sharing:
    """Those traces of a tenant, or of everybody (''), in a table of the session."""

    def __init__(self, session: Session, tenant: str) -> None:
        """Find them. Raises `DatabaseError`."""
        self._session = session
        self._looked_at = time.monotonic()
        session.command("DROP TEMPORARY TABLE IF EXISTS sharing")
        session.command(_TABLE)
        session.command(_OF_RESPONSES.replace("{responses}", _SHARED), {"tenant": tenant.encode().hex()})

    def between(self, first: str, last: str) -> pl.DataFrame:
        """Return those from the trace `first` to `last`, in hex, and all that a pipeline may have made such meanwhile.

        Raises `DatabaseError`.
        """
        within_s, self._looked_at = time.monotonic() - self._looked_at + _MARGIN_S, time.monotonic()
        lately = {"within_ms": str(int(within_s * 1000))}
        self._session.command(_OF_RESPONSES.replace("{responses}", _TOLD_LATELY), lately)
        return frames.select(self._session, _BETWEEN, {"first": first, "last": last})
