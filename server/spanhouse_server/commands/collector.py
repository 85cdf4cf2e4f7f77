"""`spanhouse collector`: receivers and loader alone, against a ClickHouse that runs elsewhere."""

from contextlib import ExitStack, closing
from socket import socket

import structlog
import typer

from spanhouse import __version__
from spanhouse_schema import Database, DatabaseUnavailable
from spanhouse_schema.access.key_ring import KeyRing
from spanhouse_schema.clickhouse import installation
from spanhouse_schema.settings import CollectorProcess, InstallationSettings
from spanhouse_server import logs
from spanhouse_server.commands._console import say
from spanhouse_server.commands._flags import Yes, with_settings
from spanhouse_server.lifecycle import listen, run, until_stopped
from spanhouse_server.opening import opened_keys
from spanhouse_server.pipeline import pipeline
from spanhouse_server.tls import scheme

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
_log_event = structlog.get_logger(__name__)


@app.command()
@with_settings
def collector(settings: CollectorProcess, *, yes: Yes = False) -> None:
    """Run the OTLP receivers, the spool and the loader against a ClickHouse server, or against `spanhouse engine`.

    Its tables must be there: `spanhouse migrate up`. While the server is away, requests are taken into the spool.
    Several collectors may share a server, each with a data directory of its own.
    """
    if settings.embedded:
        raise typer.BadParameter(
            "name a server, clickhouse://user:password@host:8123; with the embedded engine run `spanhouse up`",
            param_hint="--clickhouse",
        )
    logs.configure(settings.log_format)
    with ExitStack() as stack:
        keys = stack.enter_context(opened_keys(settings, "otlp_http", "otlp_grpc"))
        http = stack.enter_context(closing(listen("otlp_http", settings.otlp_http)))
        # gRPC binds by itself, later; a port that is taken is better known now.
        listen("otlp_grpc", settings.otlp_grpc).close()
        database = stack.enter_context(closing(Database(settings)))
        _configure(database, settings, delete_rows=yes)
        run(_serve(settings, database, keys, http))


async def _serve(settings: CollectorProcess, database: Database, keys: KeyRing, http: socket) -> None:
    async with pipeline(settings, database, keys, http) as servers:
        say(f"spanhouse {__version__} collects")
        say(f"  OTLP/HTTP   {scheme(settings)}://{settings.otlp_http}")
        say(f"  OTLP/gRPC   {scheme(settings)}://{settings.otlp_grpc}")
        say(f"  loads into  {settings.clickhouse.rpartition('@')[2]}")
        await until_stopped(servers)
        say("stopping: answering what is in flight, loading what is spooled (again to stop at once)")


def _configure(database: Database, settings: CollectorProcess, *, delete_rows: bool) -> None:
    if not any(getattr(settings, name) is not None for name in InstallationSettings.model_fields):
        return
    try:
        installation.change(database, settings, delete_rows=delete_rows)
    except DatabaseUnavailable as error:
        _log_event.warning(
            "the installation stays as it is: say it again with `spanhouse migrate up`", error=str(error)
        )
