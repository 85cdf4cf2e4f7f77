"""The day's numbers: how fast they are read, of ten million executions, and how soon spans are in them.

A thousand agents, ninety days, as entries of the ledger that the views behind it add up. Asked through the SQL door
with a reader's key.
"""

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

from bench import executions, generated, runs
from bench.asking import p95_ms
from bench.processes import Spanhouse
from bench.report import Figure
from spanhouse_schema import Database, Settings
from spanhouse_schema.access.grants import Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.clickhouse import migrate
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.derive.settling import Settling

RUNS = 5
LATENCY_RUNS = 3
EXECUTIONS = 10_000_000
DAYS = 90
QUESTIONS = 40
PERFORMANCE = """
SELECT agent_name, tasks_attempted, tasks_failed, success_rate, p95_duration_ms, total_llm_calls, total_tokens, cost_usd
FROM spanhouse.agent_performance_daily
WHERE date = today()
ORDER BY cost_usd DESC
LIMIT 50
"""
BUDGET = "SELECT * FROM spanhouse.agent_budget WHERE date = today()"
VERDICTS = "SELECT * FROM spanhouse.budget_verdicts"
MODELS = """
SELECT date, provider, model, sum(llm_calls), sum(cost_usd)
FROM spanhouse.model_usage_daily
WHERE date > today() - 90
GROUP BY ALL
ORDER BY ALL
"""


def measure(directory: Path) -> list[Figure]:
    """Milliseconds of each question; seconds to count a day's users and sessions, and until a span is in its day."""
    installation = Spanhouse(directory / "read")
    settings = Settings.load(data_dir=directory / "read" / "data")
    with ControlDatabase.open(settings) as control:
        key = KeyStore(control).create(generated.TENANT, Scope.READ).key
    counting = _fill(settings)
    with installation.running("engine"):
        reader = {"X-ClickHouse-User": "reader", "X-ClickHouse-Key": key}
        questions = [
            Figure(name, "ms", [p95_ms(installation.sql, reader, [query] * QUESTIONS) for _ in range(RUNS)], reach)
            for name, query, reach in (
                ("today's performance, a reader, p95", PERFORMANCE, "≤ 15"),
                ("today's budget, a reader, p95", BUDGET, "≤ 15"),
                ("what is left of each limit, a reader, p95", VERDICTS, ""),
                ("90 days of all agents, cost by model and day, p95", MODELS, "≤ 100"),
            )
        ]
    lags = [executions.p95_lag_s(Spanhouse(directory / f"lag-{run}"), run, _day) for run in range(LATENCY_RUNS)]
    return [
        *questions,
        Figure("users and sessions counted of a day of 111,000 executions", "s", counting),
        Figure("acknowledged → in the day's numbers at 2,000 spans/s, p95", "s", lags, "≤ 1.5"),
    ]


def _fill(settings: Settings) -> list[float]:
    """Append the executions, count each day's users and sessions, and say how long each day took in seconds."""
    with closing(Database.open(settings)) as database, Settling(database) as settling:
        migrate.upgrade(database)
        generated.add_days(database, EXECUTIONS, DAYS)
        ((today,),) = database.rows("SELECT today()")
        return [_count(settling, today - timedelta(days=back)) for back in range(DAYS)]


def _count(settling: Settling, day: date) -> float:
    start = perf_counter()
    settling.participants.count_where(f"Day = '{day}'")
    return perf_counter() - start


def _day(trace_id: bytes) -> tuple[bytes, str]:
    agent = f"probe-{trace_id.hex()}"
    query = f"SELECT count() FROM spanhouse.agent_performance_daily WHERE agent_name = '{agent}'"
    return runs.lone_agent(trace_id, agent), query
