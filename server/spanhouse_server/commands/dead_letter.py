"""`spanhouse dead-letter`: see the requests that could not be loaded; load them again, or drop them."""

from base64 import b64encode
from dataclasses import asdict
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from spanhouse_collector.otlp.export import EXPORTS
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import dead_letter
from spanhouse_collector.spool.dead_letter import DeadLetter
from spanhouse_schema.settings import DataDirSettings
from spanhouse_server.commands._console import say, say_json, say_table
from spanhouse_server.commands._flags import with_settings

app = typer.Typer(
    help="See the requests that ClickHouse did not take; load them again, or drop them. Works beside a running `up`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

Name = Annotated[str, typer.Argument(help="The letter's name, or the beginning of it.")]
Names = Annotated[list[str] | None, typer.Argument(help="The letters' names, or the beginnings of them.")]
All = Annotated[bool, typer.Option("--all", help="Every letter.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
@with_settings
def list_letters(settings: DataDirSettings, as_json: Json = False) -> None:
    """List the dead letters, oldest first."""
    letters = dead_letter.find_all(settings.data_dir / "spool")
    if as_json:
        say_json([asdict(letter) for letter in letters])
        return
    headings = ("NAME", "SIGNAL", "TENANTS", "REQUESTS", "BYTES", "SINCE", "ERROR")
    say_table(headings, [_row(letter) for letter in letters])


@app.command()
@with_settings
def show(settings: DataDirSettings, name: Name) -> None:
    """Print a dead letter as JSON: what is known of it, why it was not taken, and its requests."""
    spool = settings.data_dir / "spool"
    letter = dead_letter.find(spool, name)
    contents = [
        {"tenant": envelope.tenant, "request": _readable(letter.signal, envelope.request)}
        for envelope in dead_letter.requests(spool, letter)
    ]
    say_json({**asdict(letter), "contents": contents})


@app.command()
@with_settings
def retry(
    settings: DataDirSettings,
    names: Names = None,
    *,
    everything: All = False,
    even_if_uncertain: Annotated[
        bool, typer.Option("--even-if-uncertain", help="Also where some rows may be stored already.")
    ] = False,
) -> None:
    """Have letters loaded again, by the process that runs on this data directory or the next that does."""
    spool = settings.data_dir / "spool"
    for letter in _chosen(settings, names, everything):
        dead_letter.retry(spool, letter, even_if_uncertain=even_if_uncertain)
        say(f"{letter.name} will be loaded again")


@app.command()
@with_settings
def drop(
    settings: DataDirSettings,
    names: Names = None,
    *,
    everything: All = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete letters for good."""
    letters = _chosen(settings, names, everything)
    requests = sum(letter.requests for letter in letters)
    if not yes:
        typer.confirm(f"Delete {len(letters)} letters with {requests} requests for good?", abort=True)
    for letter in letters:
        dead_letter.drop(settings.data_dir / "spool", letter)
        say(f"{letter.name} is gone")


def _chosen(settings: DataDirSettings, names: list[str] | None, everything: bool) -> list[DeadLetter]:
    spool = settings.data_dir / "spool"
    if everything == bool(names):
        raise typer.BadParameter("name letters, or say --all", param_hint="NAMES")
    return dead_letter.find_all(spool) if everything else [dead_letter.find(spool, name) for name in names or []]


def _row(letter: DeadLetter) -> tuple[object, ...]:
    error = letter.error.replace("\n", " ")
    shown = error if len(error) <= 80 else f"{error[:79]}…"
    return (letter.name, letter.signal, ",".join(letter.tenants), letter.requests, letter.bytes, letter.at, shown)


def _readable(signal: str, request: bytes) -> object:
    message = EXPORTS[Signal(signal)].request()
    try:
        message.ParseFromString(request)
    except DecodeError:
        return {"not protobuf, base64": b64encode(request).decode()}
    return MessageToDict(message)
