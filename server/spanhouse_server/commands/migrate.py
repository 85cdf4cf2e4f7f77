"""`spanhouse migrate`: bring the database's tables up to date, or back; or print the SQL."""

from decimal import Decimal
from typing import Annotated

import typer

from spanhouse.errors import SpanhouseError
from spanhouse_schema import Database
from spanhouse_schema.access import server_users as users
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.clickhouse import migrate, retention
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.settings import Settings
from spanhouse_server.commands._console import say, say_json
from spanhouse_server.commands._flags import with_settings
from spanhouse_server.opening import reached_database

_DEFAULT_BUDGET_USD = Decimal(5)

app = typer.Typer(
    help="Bring the database's tables up to date, or back; or print the SQL. `spanhouse up` does the first by itself.",
    add_completion=False,
    rich_markup_mode="markdown",
)

Sql = Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")]
TenantUsers = Annotated[
    bool,
    typer.Option(
        "--tenant-users",
        help="On a ClickHouse server, then make a user of each key that reads, sealed in its tenant, and drop those of "
        "revoked keys. With --sql, print only that.",
    ),
]


@app.callback(invoke_without_command=True)
def main(context: typer.Context, sql: Sql = False) -> None:
    """Print the SQL of everything with --sql; without it, one of the commands is needed."""
    if context.invoked_subcommand is None:
        say(migrate.sql(timezone="UTC", default_budget_usd=_DEFAULT_BUDGET_USD) if sql else context.get_help())
        raise typer.Exit(0 if sql else 2)


@app.command()
@with_settings("data_dir", "clickhouse", "control", "timezone", "retention_days", "sql_audit_retention_days")
def up(
    settings: Settings,
    revision: Annotated[str, typer.Argument(help="Where to go; without it, the newest.")] = "head",
    sql: Sql = False,
    tenant_users: TenantUsers = False,
) -> None:
    """Bring the database up to a revision; rows stay. Safe to run twice, and beside another that does the same."""
    if tenant_users and settings.embedded:
        raise typer.BadParameter(
            "--tenant-users is for a ClickHouse server, named by --clickhouse: the embedded engine has no users, "
            "and its SQL door takes the keys as they are"
        )
    if sql:
        say(_tenant_users_sql(settings) if tenant_users else _sql(settings, revision))
        return
    database = Database.open(settings)
    try:
        migrate.upgrade(database, timezone=settings.timezone, default_budget_usd=_DEFAULT_BUDGET_USD, revision=revision)
        if migrate.status(database).at_head:
            retention.apply(database, settings)
        _say_status(migrate.status(database))
        if tenant_users:
            _apply_tenant_users(settings, database)
    finally:
        database.close()


@app.command()
@with_settings("data_dir", "clickhouse")
def down(
    settings: Settings,
    revision: Annotated[str, typer.Argument(help="Where to go back to; `base` is an empty database.")],
    sql: Sql = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the database back to a revision. What later revisions made is dropped, with its rows."""
    if sql:
        say(migrate.down_sql(revision))
        return
    if not yes:
        typer.confirm(f"Drop every table that came after revision {revision!r}, with its rows?", abort=True)
    database = Database.open(settings)
    try:
        migrate.downgrade(database, revision)
        _say_status(migrate.status(database))
    finally:
        database.close()


@app.command()
@with_settings("data_dir", "clickhouse")
def status(settings: Settings, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show where the database stands; exit code 1 when it is not at the newest revision."""
    with reached_database(settings) as database:
        stands = migrate.status(database)
    if as_json:
        say_json({**stands._asdict(), "at_head": stands.at_head})
    else:
        _say_status(stands)
    if not stands.at_head:
        raise SpanhouseError("the database is not at the newest revision: run `spanhouse migrate up`")


def _sql(settings: Settings, revision: str) -> str:
    return migrate.sql(timezone=settings.timezone, default_budget_usd=_DEFAULT_BUDGET_USD, revision=revision)


def _say_status(stands: migrate.Status) -> None:
    newest = "the newest" if stands.at_head else f"the newest is {stands.head}"
    say(f"the database is at revision {stands.current or 'base (empty)'}; {newest}")


def _tenant_users_sql(settings: Settings) -> str:
    with reached_database(settings) as database, ControlDatabase.open(settings, "read") as control:
        return "\n\n".join(f"{statement};" for statement in users.planned(database, KeyStore(control).grants()))


def _apply_tenant_users(settings: Settings, database: Database) -> None:
    with ControlDatabase.open(settings, "read") as control:
        count = users.apply(database, KeyStore(control))
    say(f"users of the server, from keys: {count}; run this again when a key was made or revoked")
