"""The history of one agent among a thousand, on ten million executions: a page of it, a later page, and the count.

Asked through the SQL door, with a reader's key and as the owner. A tenth of the executions were settled twice, each
fiftieth was taken back, and nothing is merged but what merges by itself.
"""

from contextlib import closing
from pathlib import Path

from bench import generated
from bench.asking import p95_ms
from bench.processes import Spanhouse
from bench.report import Figure
from spanhouse_schema import Database, Settings
from spanhouse_schema.access.grants import Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.clickhouse import migrate
from spanhouse_schema.control.database import ControlDatabase

RUNS = 5
EXECUTIONS = 10_000_000
QUESTIONS = 40
PAGE = """
SELECT TraceId, ExecutionId, Kind, AgentName, SessionId, UserId, Status, StartedAt, EndedAt, DurationMs,
    TotalModelCalls, TotalToolCalls, TotalInputTokens, TotalOutputTokens, TotalCostUSD, InputPreview, OutputPreview
FROM spanhouse.agent_executions_by_agent FINAL
WHERE TenantId = '{tenant}' AND AgentName = 'agent-{agent}' AND Status = 'failed'
ORDER BY StartedAt DESC
LIMIT 50
"""
LATER_PAGE = f"{PAGE} OFFSET 500"
COUNT = """
SELECT count() FROM spanhouse.agent_executions_by_agent FINAL
WHERE TenantId = '{tenant}' AND AgentName = 'agent-{agent}' AND Status = 'failed'
"""


def measure(directory: Path) -> list[Figure]:
    """Milliseconds, the 95th percentile, of a page, of one 500 rows on, and of the count: 2 GB of disk."""
    installation = Spanhouse(directory)
    settings = Settings.load(data_dir=directory / "data")
    with ControlDatabase.open(settings) as control:
        key = KeyStore(control).create(generated.TENANT, Scope.READ).key
    _fill(settings)
    with installation.running("engine"):
        reader = {"X-ClickHouse-User": "reader", "X-ClickHouse-Key": key}
        owner = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": installation.secret}
        return [
            Figure(name, "ms", [_p95_ms(installation, headers, query, run) for run in range(RUNS)], reach)
            for name, headers, query, reach in (
                ("history page of an agent, a reader, p95", reader, PAGE, "≤ 30"),
                ("history page of an agent, the owner, p95", owner, PAGE, "≤ 30"),
                ("the page 500 rows on, a reader, p95", reader, LATER_PAGE, ""),
                ("the count, a reader, p95", reader, COUNT, ""),
            )
        ]


def _fill(settings: Settings) -> None:
    with closing(Database.open(settings)) as database:
        migrate.upgrade(database)
        generated.add_executions(database, 0, EXECUTIONS)
        generated.complete_some(database, EXECUTIONS)
        generated.take_some_back(database, EXECUTIONS)


def _p95_ms(installation: Spanhouse, headers: dict[str, str], query: str, run: int) -> float:
    agents = ((run * QUESTIONS + question) * 37 % generated.AGENTS for question in range(QUESTIONS))
    return p95_ms(installation.sql, headers, (query.format(tenant=generated.TENANT, agent=agent) for agent in agents))
