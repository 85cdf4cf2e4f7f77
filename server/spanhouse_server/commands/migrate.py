"""`spanhouse migrate`: bring the database's tables up to date, or back; or print the SQL."""

from contextlib import closing
from typing import Annotated

import typer

from spanhouse.errors import SpanhouseError
from spanhouse_schema import Database
from spanhouse_schema.access import row_filters
from spanhouse_schema.access import server_users as users
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.clickhouse import installation, migrate
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.settings import Migration, StorageSettings
from spanhouse_server.commands._console import say, say_json
from spanhouse_server.commands._flags import Yes, with_settings
from spanhouse_server.opening import existing_database

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
        say(migrate.sql() if sql else context.get_help())
        raise typer.Exit(0 if sql else 2)


@app.command()
@with_settings
def up(
    settings: Migration,
    revision: Annotated[str, typer.Argument(help="Where to go; without it, the newest.")] = "head",
    *,
    sql: Sql = False,
    tenant_users: TenantUsers = False,
    yes: Yes = False,
) -> None:
    """Bring the database up to a revision; rows stay. Safe to run twice, and beside another that does the same.

    What is said of the installation (retention, time zone, default budget) is stored in it.
    """
    if tenant_users and settings.embedded:
        raise typer.BadParameter(
            "--tenant-users is for a ClickHouse server, named by --clickhouse: the embedded engine has no users, "
            "and its SQL door takes the keys as they are"
        )
    if sql:
        say(_tenant_users_sql(settings) if tenant_users else migrate.sql(revision, installation.new(settings)))
        return
    with closing(Database.open(settings)) as database:
        migrate.upgrade_tables(database, revision)
        stands = migrate.status(database)
        if stands.at_head:
            installation.change(database, settings, delete_rows=yes)
            row_filters.enforce(database)
        _say_status(stands)
        if tenant_users:
            _apply_tenant_users(settings, database)


@app.command()
@with_settings
def down(
    settings: StorageSettings,
    revision: Annotated[str, typer.Argument(help="Where to go back to; `base` is an empty database.")],
    *,
    sql: Sql = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the database back to a revision. What later revisions made is dropped, with its rows."""
    if sql:
        say(migrate.down_sql(revision))
        return
    if not yes:
        typer.confirm(f"Drop every table that came after revision {revision!r}, with its rows?", abort=True)
    with closing(Database(settings)) as database:
        migrate.downgrade(database, revision)
        _say_status(migrate.status(database))


@app.command()
@with_settings
def status(
    settings: StorageSettings, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Show where the database stands; exit code 1 when it is not at the newest revision."""
    with existing_database(settings) as database:
        stands = migrate.status(database)
    if as_json:
        say_json({**stands._asdict(), "at_head": stands.at_head})
    else:
        _say_status(stands)
    if not stands.at_head:
        raise SpanhouseError("the database is not at the newest revision: run `spanhouse migrate up`")


def _say_status(stands: migrate.Status) -> None:
    newest = "the newest" if stands.at_head else f"the newest is {stands.head}"
    say(f"the database is at revision {stands.current or 'base (empty)'}; {newest}")


def _tenant_users_sql(settings: Migration) -> str:
    with existing_database(settings) as database, ControlDatabase.open(settings, "read") as control:
        return "\n\n".join(f"{statement};" for statement in users.planned(database, KeyStore(control).grants()))


def _apply_tenant_users(settings: Migration, database: Database) -> None:
    with ControlDatabase.open(settings, "read") as control:
        count = users.apply(database, KeyStore(control))
    say(f"users of the server, from keys: {count}; run this again when a key was made or revoked")
