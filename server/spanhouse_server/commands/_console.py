"""What commands print: text and JSON to standard output, progress to standard error."""

import json
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

_PLAIN_PROGRESS_S = 5.0


def say(text: str = "") -> None:
    """Print a line, at once: who reads it through a pipe waits for it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say_json(value: object) -> None:
    """Print one JSON value; times as ISO 8601, and decimals as text that no reader rounds."""
    say(json.dumps(value, indent=2, default=_spelled))


def say_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under headings: ruled on a terminal, else aligned and never cut."""
    if sys.stdout.isatty():
        table = Table(*columns, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*map(str, row))
        Console().print(table)
        return
    lines = [list(columns), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def say_rows(columns: Sequence[str], rows: Sequence[Sequence[object]], *, as_json: bool, unit: str = "") -> None:
    """Print what a query returned: as JSON objects, or as a table headed by the columns' names, without their unit."""
    if as_json:
        say_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        headings = [column.removesuffix(unit).replace("_", " ").upper() for column in columns]
        say_table(headings, [["" if value is None else _spelled(value) for value in row] for row in rows])


def _spelled(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, datetime) else str(value)


@contextmanager
def progress(what: str, total: float | None = None) -> Generator[Callable[[float], None]]:
    """Show how far a long job is; the caller is given a function that sets how much is done.

    A bar on a terminal, else a line every five seconds. `total` is None when the end is not known.
    """
    if sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=int(done))
    else:
        yield _plain_progress(what, total)


def _plain_progress(what: str, total: float | None) -> Callable[[float], None]:
    due = time.monotonic() + _PLAIN_PROGRESS_S
    end = "" if total is None else f" of {total:,.0f}"

    def show(done: float) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + _PLAIN_PROGRESS_S
            sys.stderr.write(f"{what}: {done:,.0f}{end}\n")

    return show
