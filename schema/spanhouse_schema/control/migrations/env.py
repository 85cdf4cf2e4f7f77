"""Alembic's entry: run the revisions within the transaction that `migrate` hands in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
