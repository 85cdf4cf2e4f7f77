"""`spanhouse up`: everything in one process, from OTLP to SQL."""

import shutil
import sys
from contextlib import AsyncExitStack, ExitStack, closing
from pathlib import Path
from socket import socket

import typer

from spanhouse import __version__
from spanhouse_api.sql.door import create_app
from spanhouse_schema import Database
from spanhouse_schema.access.key_ring import KeyRing
from spanhouse_schema.settings import Settings
from spanhouse_server import logs
from spanhouse_server.commands._console import say
from spanhouse_server.commands._flags import Yes, with_settings
from spanhouse_server.held import announce_door
from spanhouse_server.lifecycle import HttpServer, listen, run, until_stopped
from spanhouse_server.opening import configured_database, opened_keys
from spanhouse_server.pipeline import pipeline
from spanhouse_server.tls import scheme

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
@with_settings
def up(settings: Settings, *, yes: Yes = False) -> None:
    """Run everything in one process, from OTLP to SQL.

    That is the OTLP receivers, the spool and the loader, and, unless --clickhouse names a server, the embedded engine
    with its SQL door.

    SIGTERM or Ctrl-C stops it cleanly: what is in flight is answered and loaded. A second one stops it at once, and
    what was acknowledged is loaded at the next start.
    """
    logs.configure(settings.log_format)
    listens = ("otlp_http", "otlp_grpc", *(("sql",) if settings.embedded else ()))
    with ExitStack() as stack:
        keys = stack.enter_context(opened_keys(settings, *listens))
        http = stack.enter_context(closing(listen("otlp_http", settings.otlp_http)))
        # gRPC binds by itself, later; a port that is taken is better known now.
        listen("otlp_grpc", settings.otlp_grpc).close()
        door = stack.enter_context(closing(listen("sql", settings.sql))) if settings.embedded else None
        configured = configured_database(settings, settings, delete_rows=yes, engine_memory=settings.engine_memory)
        database = stack.enter_context(configured)
        run(_serve(settings, database, keys, http, door))


async def _serve(settings: Settings, database: Database, keys: KeyRing, http: socket, door: socket | None) -> None:
    async with AsyncExitStack() as stack:
        servers: list[HttpServer] = []
        if door is not None:
            servers.append(
                HttpServer(
                    create_app(database, keys, settings), door, tls_cert=settings.tls_cert, tls_key=settings.tls_key
                )
            )
            await servers[0].start()
            announce_door(settings)
            stack.push_async_callback(servers[0].stop)
        servers += await stack.enter_async_context(pipeline(settings, database, keys, http))
        say(_banner(settings))
        await until_stopped(servers)
        say("stopping: answering what is in flight, loading what is spooled (again to stop at once)")


def _banner(settings: Settings) -> str:
    http = scheme(settings)
    where = settings.clickhouse.rpartition("@")[2] if not settings.embedded else f"{http}://{settings.sql}"
    return f"""\
spanhouse {__version__} is up
  OTLP/HTTP   {http}://{settings.otlp_http}
  OTLP/gRPC   {http}://{settings.otlp_grpc}
  SQL         {where}
  data        {settings.data_dir.resolve()}

send    OTEL_EXPORTER_OTLP_ENDPOINT={http}://{settings.otlp_http}
look    {look(settings)}
"""


def look(settings: Settings) -> str:
    """The command line that shows what has come in, as it has to be typed for these settings."""
    words = [_ourselves(), "sql"]
    for name in ("data_dir", "clickhouse"):
        if getattr(settings, name) != Settings.model_fields[name].default and name in settings.model_fields_set:
            words += [f"--{name.replace('_', '-')}", str(getattr(settings, name))]
    return f'{" ".join(words)} "SELECT SpanName, count() FROM otel_traces GROUP BY SpanName"'


def _ourselves() -> str:
    called = Path(sys.argv[0])
    if shutil.which("spanhouse"):
        return "spanhouse"
    return str(called) if called.name == "spanhouse" else f"{sys.executable} -m spanhouse.cli"
