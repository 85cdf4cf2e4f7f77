"""A revision after the newest, as one may come: it changes a column, which SQLite can only by copying the table."""

import sqlalchemy as sa
from alembic import op

from spanhouse_schema.control.migrate import HEAD

revision = "next"
down_revision = HEAD


def upgrade() -> None:
    with op.batch_alter_table("keys") as keys:
        keys.add_column(sa.Column("note", sa.String(10), nullable=False, server_default="none"))
        keys.alter_column("name", existing_type=sa.String(200), type_=sa.String(300), nullable=True)


def downgrade() -> None:
    with op.batch_alter_table("keys") as keys:
        keys.drop_column("note")
        keys.alter_column("name", existing_type=sa.String(300), type_=sa.String(200), nullable=False)
