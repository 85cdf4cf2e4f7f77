"""What `spanhouse audit` and `spanhouse rebuild` share: flags that say of what, and the database that they need."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any

import typer

from spanhouse.errors import SpanhouseError
from spanhouse_schema import Database
from spanhouse_schema.clickhouse import migrate
from spanhouse_schema.settings import Settings
from spanhouse_server.held import is_held
from spanhouse_server.opening import reached_database


def _iso_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day: write 2026-11-20") from error


Day = Annotated[
    Any,
    typer.Option("--day", parser=_iso_day, metavar="DAY", help="Only what happened on that day, and its counts."),
]
Trace = Annotated[str, typer.Option("--trace", help="Only the trace of this id.")]
Tenant = Annotated[str, typer.Option("--tenant", help="Only what is of this tenant.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def migrated_database(settings: Settings) -> Generator[tuple[Database, bool]]:
    """The database, and whether another process may be writing into it. Raises `SpanhouseError` if it is too old."""
    is_shared = is_held(settings) or not settings.embedded
    with reached_database(settings) as database:
        if not migrate.status(database).at_head:
            raise SpanhouseError("the database is not at the newest revision: run `spanhouse migrate up`")
        yield database, is_shared
