"""Discovery: patterns in what agents do, found by SQL in one day of runs and calls and the weeks before it.

Each type of pattern is a rule of `sql/discover/` that says what is unusual, by the agent's own history, and how sure
that is. A day is searched as a whole, from what is stored: to search it again changes nothing, and takes back what is
not so any more. What was found is read in `agent_discovered_patterns`, beside what agents observe themselves.
"""

import time
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.clickhouse.database import Database

WINDOW_DAYS = 28
"""The days before a day that say what is usual."""
# In this order. A query fills a table of its name, which those after it read; the others insert into `found`.
# First what was found before: whoever writes meanwhile has read later, and its version is the greater one.
_STEPS = (
    ("found_before",),
    ("streak", "tool_failing"),
    ("suspect", "spelled", "call", "circle", "repeated_call"),
    ("run_far_off",),
    ("sequence", "sequence_before_failure"),
    ("found_patterns",),
)


def discover(database: Database, day: date) -> int:
    """Search a day, in the time zone of the installation, and write what is found there instead of what was.

    Returns how many patterns are found in it. The same, however often and by however many processes it is called.
    Raises `DatabaseError`.
    """
    parameters = _parameters(day, database.timezone)
    with database.session() as session:
        # Nobody waits for it, and whoever works beside it should not have to.
        session.command("SET max_threads = 1")
        session.command("CREATE TEMPORARY TABLE found ENGINE = Memory AS spanhouse.found_patterns")
        for step in chain.from_iterable(_STEPS):
            (statement,) = sql_files.statements(f"discover/{step}")
            is_finding = "INSERT INTO" in statement
            session.command(statement if is_finding else f"CREATE TEMPORARY TABLE {step} AS {statement}", parameters)
        ((found,),) = session.rows("SELECT count() FROM found")
    return int(found)


def changed_days(database: Database, within_s: float) -> list[date]:
    """The days to search again, the latest first: none unless the settling wrote executions in the last seconds.

    They are those on which these executions began, as far as the window goes; and today and yesterday, on which they
    may have called something. Raises `DatabaseError`.
    """
    rows = database.rows(
        """
        SELECT DISTINCT toDate(arrayJoin([StartedAt, now64(9), now64(9) - toIntervalDay(1)]), {timezone:String}) AS Day
        FROM spanhouse.listed_executions
        WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64})
            AND StartedAt >= now() - toIntervalDay({window_days:UInt16}) AND StartedAt < now() + toIntervalDay(1)
        ORDER BY Day DESC
        """,
        parameters={"timezone": database.timezone, "within_ms": int(within_s * 1000), "window_days": WINDOW_DAYS},
    )
    return [day for (day,) in rows]


def _parameters(day: date, timezone: str) -> dict[str, str]:
    # Taken before anything is read: whoever reads later writes the greater version.
    return {
        "version": str(time.time_ns() // 1000),
        "day": day.isoformat(),
        "window": _midnight(day - timedelta(days=WINDOW_DAYS), timezone),
        "window_days": str(WINDOW_DAYS),
        "day_before": _midnight(day - timedelta(days=1), timezone),
        "since": _midnight(day, timezone),
        "until": _midnight(day + timedelta(days=1), timezone),
        "day_after": _midnight(day + timedelta(days=2), timezone),
    }


def _midnight(day: date, timezone: str) -> str:
    """When a day begins, as a time of UTC."""
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
    return f"{local.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
