"""`spanhouse engine`: the embedded engine and its SQL door alone."""

from contextlib import ExitStack, closing
from socket import socket

import typer

from spanhouse import __version__
from spanhouse_api.sql.door import create_app
from spanhouse_schema import Database
from spanhouse_schema.access.key_ring import KeyRing
from spanhouse_schema.settings import EngineProcess, StorageSettings
from spanhouse_server import logs
from spanhouse_server.commands._console import say
from spanhouse_server.commands._flags import Yes, with_settings
from spanhouse_server.held import announce_door
from spanhouse_server.lifecycle import HttpServer, listen, run, until_stopped
from spanhouse_server.opening import configured_database, opened_keys
from spanhouse_server.tls import scheme

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
@with_settings
def engine(settings: EngineProcess, *, yes: Yes = False) -> None:
    """Run the embedded engine and its SQL door alone, so that collectors in other processes can load into it.

    Its tables are brought up to date first. The SQL door opens to the secret in admin.key, to keys of scope admin, and
    to keys that may read, which see their tenant's rows. SIGTERM or Ctrl-C stops it when the statements that run have
    ended, or after ten seconds.
    """
    storage = StorageSettings.load(data_dir=settings.data_dir)
    if not storage.embedded:
        raise typer.BadParameter(
            f"SPANHOUSE_CLICKHOUSE names a server, {storage.clickhouse.rpartition('@')[2]}; the engine is embedded: "
            "unset it"
        )
    logs.configure(settings.log_format)
    with ExitStack() as stack:
        keys = stack.enter_context(opened_keys(settings, "sql"))
        door = stack.enter_context(closing(listen("sql", settings.sql)))
        configured = configured_database(storage, settings, delete_rows=yes, engine_memory=settings.engine_memory)
        database = stack.enter_context(configured)
        run(_serve(settings, database, keys, door))


async def _serve(settings: EngineProcess, database: Database, keys: KeyRing, door: socket) -> None:
    server = HttpServer(
        create_app(database, keys, settings), door, tls_cert=settings.tls_cert, tls_key=settings.tls_key
    )
    await server.start()
    announce_door(settings)
    try:
        say(_banner(settings))
        await until_stopped([server])
        say("stopping: ending the statements that run (again to stop at once)")
    finally:
        await server.stop()


def _banner(settings: EngineProcess) -> str:
    dsn = "clickhouses" if settings.tls_cert else "clickhouse"
    return f"""\
spanhouse {__version__} runs the engine
  SQL         {scheme(settings)}://{settings.sql}
  data        {settings.data_dir.resolve()}

collect     spanhouse collector --clickhouse {dsn}://default:SECRET@{settings.sql}/spanhouse
            SECRET is in {settings.data_dir.resolve() / "admin.key"}
"""
