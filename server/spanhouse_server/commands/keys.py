"""`spanhouse keys`: make, list and revoke the keys that clients send."""

from typing import Annotated

import typer

from spanhouse_schema.access.key_ring import Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.settings import ControlSettings
from spanhouse_server.commands._console import say, say_json, say_table
from spanhouse_server.commands._flags import with_settings

app = typer.Typer(
    help="Make, list and revoke the keys that clients send. A running Spanhouse follows within a second.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
@with_settings
def create(
    settings: ControlSettings,
    tenant: Annotated[str, typer.Option(help="Whose telemetry the key brings or reads.")],
    scope: Annotated[Scope, typer.Option(help="What it may do: write includes ingest and read, admin is everything.")],
    name: Annotated[str, typer.Option(help="What the key is for, shown in the list.")] = "",
    as_json: Json = False,
) -> None:
    """Make a key. Its text is shown this once: only a hash of it is kept."""
    with ControlDatabase.open(settings) as control:
        made = KeyStore(control).create(tenant, scope, name)
    if as_json:
        say_json(made._asdict())
        return
    say(made.key)
    say(f"\nKey {made.id} for tenant {tenant}, scope {scope}. It is not shown again. Send it with OTLP as")
    say(f'  OTEL_EXPORTER_OTLP_HEADERS="x-api-key={made.key}"')


@app.command("list")
@with_settings
def list_keys(settings: ControlSettings, as_json: Json = False) -> None:
    """List every key ever made, oldest first, without the keys' texts."""
    with ControlDatabase.open(settings, "read") as control:
        keys = KeyStore(control).list()
    if as_json:
        say_json([key._asdict() for key in keys])
        return
    headings = ("ID", "TENANT", "SCOPE", "NAME", "CREATED (UTC)", "REVOKED (UTC)")
    say_table(headings, [(*key[:4], *(f"{time:%F %T}" if time else "" for time in key[4:])) for key in keys])


@app.command()
@with_settings
def revoke(
    settings: ControlSettings,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `spanhouse keys list` shows it.")],
    as_json: Json = False,
) -> None:
    """Revoke a key for good: requests that bring it are refused from then on."""
    with ControlDatabase.open(settings, "write") as control:
        key = KeyStore(control).revoke(key_id)
    if as_json:
        say_json(key._asdict())
    else:
        say(f"key {key.id} of tenant {key.tenant} is revoked since {key.revoked_at:%F %T} UTC")
