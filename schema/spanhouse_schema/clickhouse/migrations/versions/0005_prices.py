"""Prices of models, and what calls and executions cost at them. What is settled already is settled again."""

from alembic import op

from spanhouse_schema.clickhouse import sql_files

revision = "0005"
down_revision = "0004"

_COST = "Nullable(Decimal(38, 12)) CODEC(ZSTD(1))"
_COUNT = "UInt32 CODEC(T64, ZSTD(1))"
_USAGE = """
    Array(Tuple(
        Day Date32, Provider String, Model String, ModelCalls UInt32, FailedModelCalls UInt32, EmbeddingCalls UInt32,
        UnpricedCalls UInt32, InputTokens Nullable(UInt64), CacheReadTokens Nullable(UInt64),
        CacheWriteTokens Nullable(UInt64), OutputTokens Nullable(UInt64), ReasoningTokens Nullable(UInt64),
        EmbeddingTokens Nullable(UInt64), CostUSD Nullable(Decimal(38, 12))
    )) CODEC(ZSTD(1))
"""
_EXECUTIONS = ("agent_executions", "agent_executions_by_agent")
# Table, column, its type, the one that it stands behind.
_COLUMNS = (
    ("agent_calls", "ReportedCostUSD", _COST, "CostSource"),
    ("agent_calls", "ComputedCostUSD", _COST, "ReportedCostUSD"),
    *((table, "UnpricedCalls", _COUNT, "CostSource") for table in _EXECUTIONS),
    *((table, "TotalUnpricedCalls", _COUNT, "TotalCostSource") for table in _EXECUTIONS),
    *((table, "Usage", _USAGE, "TotalUnpricedCalls") for table in _EXECUTIONS),
)
# A run of many calls, or one that claims a fortune, is more than 18 digits hold.
_WIDENED = (
    ("agent_calls", "CostUSD"),
    *((table, name) for table in _EXECUTIONS for name in ("CostUSD", "TotalCostUSD")),
)


def upgrade() -> None:
    for name in ("cost_functions", "model_prices"):
        for statement in sql_files.statements(name):
            op.execute(sql_files.literal(statement))
    for table, name in _WIDENED:
        op.execute(f"ALTER TABLE spanhouse.{table} MODIFY COLUMN {name} {_COST}")
    for table, name, kind, before in _COLUMNS:
        op.execute(f"ALTER TABLE spanhouse.{table} ADD COLUMN IF NOT EXISTS {name} {kind} AFTER {before}")
    # Nominates them; that they come to something else now, the settling's own revision says (settle/changed.sql).
    op.execute(
        "INSERT INTO spanhouse.touched_traces (TenantId, TraceId, At, Spans) "
        "SELECT TenantId, TraceId, now64(3), count() FROM spanhouse.agent_spans GROUP BY TenantId, TraceId"
    )


def downgrade() -> None:
    for table, name, _, _ in _COLUMNS:
        op.execute(f"ALTER TABLE spanhouse.{table} DROP COLUMN IF EXISTS {name}")
    op.execute("DROP TABLE IF EXISTS spanhouse.model_prices")
    op.execute("DROP FUNCTION IF EXISTS source_of_costs")
