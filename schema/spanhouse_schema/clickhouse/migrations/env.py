"""Alembic's entry: run the revisions over the connection that `migrate` hands in, or print them."""

from alembic import context

if context.is_offline_mode():
    context.configure(dialect_name="clickhousedb", literal_binds=True, version_table_schema="spanhouse")
else:
    context.configure(connection=context.config.attributes["connection"], version_table_schema="spanhouse")

with context.begin_transaction():
    context.run_migrations()
