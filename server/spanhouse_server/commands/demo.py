"""`spanhouse demo`: the telemetry of a believable multi-agent workload, sent to any OTLP endpoint."""

import re
import secrets
import socket
import time
from typing import Annotated
from urllib.parse import urlsplit

import typer

from spanhouse.errors import SpanhouseError
from spanhouse_schema.settings import Demo
from spanhouse_server import logs
from spanhouse_server.commands._console import progress, say, say_json
from spanhouse_server.commands._flags import with_settings
from spanhouse_server.demo.emitter import Emitter
from spanhouse_server.demo.workload import Workload

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600}
_FLUSH_EVERY_S = 0.5


@app.command()
@with_settings
def demo(
    settings: Demo,
    *,
    rate: Annotated[float, typer.Option(min=0.1, help="Spans a second.")] = 50,
    for_: Annotated[str, typer.Option("--for", help="How long: 30s, 5m, 1h.")] = "1m",
    endpoint: Annotated[
        str, typer.Option(help="Base URL of an OTLP/HTTP endpoint; without it, the receiver that --otlp-http names.")
    ] = "",
    key: Annotated[str, typer.Option(help="The key to send, where one is needed.")] = "",
    seed: Annotated[
        int | None, typer.Option(help="Decides everything but the clock: the same seed gives the same spans and ids.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was sent as JSON.")] = False,
) -> None:
    """Send the telemetry of a research desk: a planner, researchers, a writer, their model calls, tools and errors.

    Sends rate x duration spans (the last trace is completed), with events and metrics. Ctrl-C ends it early.
    """
    duration_s = _seconds(for_)
    base = (endpoint or f"http://{settings.otlp_http}").rstrip("/")
    _check_reachable(base)
    logs.configure(settings.log_format)
    seed = secrets.randbits(32) if seed is None else seed
    emitter = Emitter(base, {"x-api-key": key} if key else None, seed)
    began = time.monotonic()
    try:
        _play(Workload(seed), emitter, rate, rate * duration_s)
    except KeyboardInterrupt:
        pass
    finally:
        emitter.close()
    _report(emitter, base, seed, time.monotonic() - began, as_json)


def _play(workload: Workload, emitter: Emitter, rate: float, total: float) -> None:
    began = flushed = time.monotonic()
    recorded = 0
    with progress("spans sent", total) as show:
        while recorded < total:
            now = time.monotonic()
            if recorded < rate * (now - began):
                recorded += emitter.emit(workload.trace())
                show(emitter.sent)
                continue
            if now - flushed > _FLUSH_EVERY_S:
                emitter.flush()
                flushed = now
                show(emitter.sent)
            time.sleep(0.01)


def _report(emitter: Emitter, endpoint: str, seed: int, took_s: float, as_json: bool) -> None:
    if as_json:
        counts = {"sent": emitter.sent, "refused": emitter.refused}
        say_json({**counts, "seconds": round(took_s, 3), "seed": seed, "endpoint": endpoint})
    else:
        say(f"sent {emitter.sent:,} spans to {endpoint} in {took_s:.1f} s (seed {seed})")
    if emitter.refused:
        raise SpanhouseError(
            f"{emitter.refused:,} spans were not accepted by {endpoint}; the log above says why "
            "(401 means that a key is needed: --key)"
        )


def _check_reachable(endpoint: str) -> None:
    url = urlsplit(endpoint)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise typer.BadParameter(f"{endpoint!r} is not a URL: write http://host:port", param_hint="--endpoint")
    try:
        socket.create_connection((url.hostname, url.port or (443 if url.scheme == "https" else 80)), 5).close()
    except OSError as error:
        raise SpanhouseError(
            f"nothing answers at {endpoint} ({error.strerror or error}): "
            "start `spanhouse up`, or name another with --endpoint"
        ) from error


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if not found or not float(found[1]):
        raise typer.BadParameter(f"{text!r} is not a duration: write 30s, 5m or 1h", param_hint="--for")
    return float(found[1]) * _UNITS_S[found[2]]
