"""Settling: executions and counted calls, brought up to what the spans say now.

A trace is settled as a whole, whenever spans of it have come, and from nothing but its spans: neither their order nor
their splits nor their repeats matter, and to settle again changes nothing. The steps are SQL, in `sql/settle/`: each
makes a temporary table from those before it, and the last two write. (One statement could do it all, but ClickHouse
expands what a step names wherever it is used, and would analyse it for longer than it takes to run.)
"""

import time
from collections.abc import Mapping

from spanhouse_schema import ddl
from spanhouse_schema.database import Database, Session

_STEPS = (
    "candidate",
    "seen",
    "rival",
    "event",
    "changed",
    "state",
    "span",
    "place",
    "part",
    "call_part",
    "lost",
    "counted",
    "context",
    "execution",
    "lineage",
    "below",
    "settled",
    # Calls first: the fingerprint in the executions is what says that a trace needs nothing more.
    "agent_calls",
    "agent_executions",
)
_DECIDES = "changed"
# As many as are settled at once: about 2 KB of memory each.
_MOST_SPANS = 200_000
# Inserts may become visible in another order than they were made in; this is how far apart, at most.
_MARGIN_S = 600.0
_EVER_MS = 2**42


def settle(database: Database, within_s: float | None = None) -> int:
    """Settle the traces that spans were inserted of in the last `within_s` seconds; None is all that are nominated.

    Returns how many of them had changed. Some of their rows may have been written when it raises: run it again. Raises
    `DatabaseError`.
    """
    within_ms = _EVER_MS if within_s is None else int(within_s * 1000)
    return sum(_settle(database, within_ms, first, last) for first, last in _ranges(database, within_ms))


def overdue_s(database: Database) -> float | None:
    """For how long back traces may have been touched and not settled; None when nothing ever was. In seconds.

    Raises `DatabaseError`.
    """
    ((rows, newest),) = database.rows("SELECT count(), max(Version) FROM spanhouse.agent_executions")
    return max(time.time() - newest / 1e6, 0.0) + _MARGIN_S if rows else None


def _ranges(database: Database, within_ms: int) -> list[tuple[str, str]]:
    """First and last trace ids, so that the traces between them have few enough spans to be settled at once.

    Spans lie in the order of their trace ids, so that each range reads a stretch of its own.
    """
    rows = database.rows(
        """
        SELECT min(TraceId), max(TraceId)
        FROM
        (
            SELECT TraceId, sum(sum(Spans)) OVER (ORDER BY TraceId) AS SpansUpTo
            FROM spanhouse.touched_traces
            WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64})
            GROUP BY TraceId
        )
        GROUP BY intDiv(SpansUpTo, {most:UInt32})
        ORDER BY 1
        """,
        parameters={"within_ms": within_ms, "most": _MOST_SPANS},
    )
    return [(first, last) for first, last in rows]


def _settle(database: Database, within_ms: int, first: str, last: str) -> int:
    # Taken before anything is read: whoever reads later writes the greater version.
    version = time.time_ns() // 1000
    parameters = {"within_ms": str(within_ms), "first": first, "last": last, "version": str(version)}
    changed = 0
    with database.session() as session:
        # See ingest.py: a quarter of what it takes to analyse the steps.
        session.command("SET optimize_and_compare_chain = 0")
        for step in _STEPS:
            _run(session, step, parameters)
            if step == _DECIDES:
                changed = session.count(step)
                if not changed:
                    break
    return changed


def _run(session: Session, step: str, parameters: Mapping[str, str]) -> None:
    for statement in ddl.statements(f"settle/{step}"):
        session.command(statement, parameters)
