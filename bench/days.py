"""The day's numbers: how fast they are read, of ten million executions, and how soon spans are in them.

A thousand agents, ninety days; everything is counted by the steps that the settling runs. Asked through the SQL door
with a reader's key.
"""

from contextlib import closing
from datetime import timedelta
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
from spanhouse_schema.derive.rollups import Rollups

RUNS = 5
LATENCY_RUNS = 3
EXECUTIONS = 10_000_000
DAYS = 90
QUESTIONS = 40
PERFORMANCE = """
SELECT agent_name, tasks_attempted, tasks_failed, success_rate, p95_duration_ms, total_llm_calls, total_tokens, cost_usd
FROM spanhouse.agent_performance_daily FINAL
WHERE date = today()
ORDER BY cost_usd DESC
LIMIT 50
"""
BUDGET = "SELECT * FROM spanhouse.agent_budget WHERE date = today()"
VERDICTS = "SELECT * FROM spanhouse.budget_verdicts"
MODELS = """
SELECT date, provider, model, sum(llm_calls), sum(cost_usd)
FROM spanhouse.model_usage_daily FINAL
WHERE date > today() - 90
GROUP BY ALL
ORDER BY ALL
"""


def measure(directory: Path) -> list[Figure]:
    """Milliseconds of each question; seconds that a day takes to be counted, and those until a span is in it."""
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
        Figure("counting a day of 111,000 executions of 1,000 agents", "s", counting),
        Figure("acknowledged → in the day's numbers at 2,000 spans/s, p95", "s", lags, "≤ 3"),
    ]


def _fill(settings: Settings) -> list[float]:
    """Store the executions, count every day of theirs, and say how long each took in seconds."""
    with closing(Database.open(settings)) as database:
        migrate.upgrade(database)
        generated.add_days(database, EXECUTIONS, DAYS)
        with database.session() as session:
            days = Rollups(session, database.timezone)
            ((today,),) = database.rows("SELECT today()")
            return [_count(days, str(today - timedelta(days=back))) for back in range(DAYS)]


def _count(days: Rollups, day: str) -> float:
    start = perf_counter()
    days.count_between(day, day)
    return perf_counter() - start


def _day(trace_id: bytes) -> tuple[bytes, str]:
    agent = f"probe-{trace_id.hex()}"
    query = f"SELECT count() FROM spanhouse.agent_performance_daily WHERE agent_name = '{agent}'"
    return runs.lone_agent(trace_id, agent), query
