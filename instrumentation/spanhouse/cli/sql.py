"""`spanhouse sql`: run a statement, whether or not a process holds the data."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from spanhouse.cli._flags import with_settings
from spanhouse.cli._open import is_held, through_door
from spanhouse.cli._question import Question
from spanhouse.cli._sql_direct import run_direct
from spanhouse.cli._sql_remote import run_remote
from spanhouse_api.insert import read_insert
from spanhouse_schema.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
@with_settings("data_dir", "clickhouse")
def sql(
    settings: Settings,
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
) -> None:
    """Run a SQL statement and print its result; unqualified tables are those of the database spanhouse.

    It runs on the server that --clickhouse names; or through the SQL door of the process that holds the data
    directory; or, when none does, on the data directory itself. The rows of an INSERT come from standard input.
    """
    text = statement.encode() if statement else _from_input()
    rows = sys.stdin.buffer if statement and _takes_rows(text) and not sys.stdin.isatty() else None
    chosen = fmt or ("JSONEachRow" if as_json else "PrettyCompact" if sys.stdout.isatty() else "TabSeparated")
    _run(settings, Question(text, rows, chosen, _values(param or [])))
    sys.stdout.buffer.flush()


def _run(settings: Settings, question: Question) -> None:
    if not settings.embedded:
        run_remote(settings.clickhouse, question, sys.stdout.buffer)
    elif is_held(settings):
        run_remote(through_door(settings).clickhouse, question, sys.stdout.buffer)
    else:
        run_direct(settings, question, sys.stdout.buffer)


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
