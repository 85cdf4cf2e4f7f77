"""Discovery: what SQL found of patterns, and the view on all patterns, which was 0007's before."""

from alembic import op

from spanhouse_schema.clickhouse import sql_files

revision = "0009"
down_revision = "0008"

NAMES = ("found_patterns", "pattern_functions", "agent_discovered_patterns")
FUNCTIONS = (
    "pattern_at_least",
    "pattern_at_most",
    "pattern_surprise",
    "pattern_needs",
    "pattern_evidence",
    "pattern_agreed",
    "pattern_whose",
)


def upgrade() -> None:
    for name in NAMES:
        for statement in sql_files.statements(name):
            op.execute(sql_files.literal(statement))


def downgrade() -> None:
    op.execute("DROP VIEW IF EXISTS spanhouse.agent_discovered_patterns")
    op.execute("DROP TABLE IF EXISTS spanhouse.found_patterns")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION IF EXISTS {function}")
