"""`spanhouse sql`: run a statement, whether or not a process holds the data."""

import json
import sys
from collections.abc import Sequence
from io import BytesIO
from typing import Annotated, BinaryIO

import typer

from spanhouse.errors import SpanhouseError
from spanhouse_api.sql.text.insert import read_insert
from spanhouse_schema.settings import StorageSettings
from spanhouse_server.commands._console import say, say_json
from spanhouse_server.commands._flags import with_settings
from spanhouse_server.held import is_held, through_door
from spanhouse_server.query.question import Question
from spanhouse_server.query.remote import run_remote

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
@with_settings
def sql(
    settings: StorageSettings,
    statement: Annotated[
        str, typer.Argument(help="The statement; without it, standard input.", show_default=False)
    ] = "",
    fmt: Annotated[
        str,
        typer.Option("--format", help="Any format of ClickHouse; by default a table on a terminal, else TabSeparated."),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row: --format JSONEachRow.")] = False,
    param: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE for {NAME:Type} in the statement; may be repeated.")
    ] = None,
    *,
    explain_denied: Annotated[
        bool, typer.Option("--explain-denied", help="Do not run it: say whether a read key may, and if not, why.")
    ] = False,
) -> None:
    """Run a SQL statement and print its result; unqualified tables are those of the database spanhouse.

    It runs on the server that --clickhouse names; or through the SQL door of the process that holds the data
    directory; or, when none does, on the data directory itself. The rows of an INSERT come from standard input.
    """
    text = statement.encode() if statement else _from_input()
    if explain_denied:
        _explain(settings, Question(text, None, fmt or "TabSeparated", _values(param or []), explains=True), as_json)
        return
    rows = sys.stdin.buffer if statement and _takes_rows(text) and not sys.stdin.isatty() else None
    chosen = fmt or ("JSONEachRow" if as_json else "PrettyCompact" if sys.stdout.isatty() else "TabSeparated")
    _run(settings, Question(text, rows, chosen, _values(param or [])), sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _run(settings: StorageSettings, question: Question, out: BinaryIO) -> None:
    if not settings.embedded:
        run_remote(settings.clickhouse, question, out)
    elif is_held(settings):
        run_remote(through_door(settings).clickhouse, question, out)
    else:
        # The engine takes a second to load, and a statement that another process runs does without it.
        from spanhouse_server.query.direct import run_direct  # noqa: PLC0415  # see above

        run_direct(settings, question, out)


def _explain(settings: StorageSettings, question: Question, as_json: bool) -> None:
    if not settings.embedded:
        raise SpanhouseError("a ClickHouse server decides by itself what a key may run: by its grants and row policies")
    out = BytesIO()
    _run(settings, question, out)
    said = json.loads(out.getvalue())
    if as_json:
        say_json(said)
    elif said["allowed"]:
        say(f"allowed; it runs as\n  {said['runs']}")
    else:
        say(f"denied by the rule '{said['rule']}': {said['reason']}")
    raise typer.Exit(0 if said["allowed"] else 1)


def _from_input() -> bytes:
    if sys.stdin.isatty():
        raise typer.BadParameter("give a statement, or pipe one in", param_hint="STATEMENT")
    if statement := sys.stdin.buffer.read().strip():
        return statement
    raise typer.BadParameter("standard input has no statement", param_hint="STATEMENT")


def _takes_rows(statement: bytes) -> bool:
    """Whether it is an INSERT that ends where its rows would begin."""
    insert = read_insert(statement)
    return insert is not None and not statement[insert.data :].strip()


def _values(given: Sequence[str]) -> dict[str, str]:
    pairs = dict(text.partition("=")[::2] for text in given)
    if "" in pairs or any("=" not in text for text in given):
        raise typer.BadParameter("write NAME=VALUE", param_hint="--param")
    return pairs
