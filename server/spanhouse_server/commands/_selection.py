"""What `spanhouse audit` and `spanhouse rebuild` share: flags that say of what, and the database that they need."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any

import typer

from spanhouse_schema import Database
from spanhouse_schema.settings import StorageSettings
from spanhouse_server.held import is_held
from spanhouse_server.opening import current_database


def _iso_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day: write 2026-11-20") from error


Day = Annotated[
    Any,
    typer.Option("--day", parser=_iso_day, metavar="DAY", help="Only what happened on that day, and its counts."),
]
Trace = Annotated[str, typer.Option("--trace", help="Only the trace of this id.")]
Tenant = Annotated[str, typer.Option("--tenant", help="Only what is of this tenant.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def shared_database(storage: StorageSettings) -> Generator[tuple[Database, bool]]:
    """Open the database, and say whether another process may be writing into it. Raises like `current_database`."""
    is_shared = is_held(storage) or not storage.embedded
    with current_database(storage) as database:
        yield database, is_shared
