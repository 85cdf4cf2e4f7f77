"""`spanhouse rebuild`: recompute what is derived, from raw rows, and put it in the place of what stands there."""

from typing import Annotated

import typer

from spanhouse_schema.proof.audit import Selection
from spanhouse_schema.proof.rebuild import PAUSE_S, Outcome
from spanhouse_schema.proof.rebuild import rebuild as recompute
from spanhouse_schema.settings import StorageSettings
from spanhouse_server.commands._console import progress, say, say_json
from spanhouse_server.commands._flags import with_settings
from spanhouse_server.commands._selection import Day, Json, Tenant, Trace, shared_database

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
@with_settings
def rebuild(
    settings: StorageSettings,
    *,
    day: Day = None,
    trace: Trace = "",
    everything: Annotated[bool, typer.Option("--all", help="Everything whose raw rows are there.")] = False,
    tenant: Tenant = "",
    as_json: Json = False,
) -> None:
    """Recompute what is derived, from raw rows, at the prices of now, and write what differs. May run beside `up`.

    For a day, a trace or all. One that was broken off goes on where it was. It says how much the cost has moved.
    Traces whose raw rows the retention may have dropped stay as they are; a day or a trace of such is refused.
    """
    if [bool(day), bool(trace), everything].count(True) != 1:
        raise typer.BadParameter("say what: --day 2026-11-20, --trace ID or --all")
    with shared_database(settings) as (database, is_shared), progress("traces compared") as show:
        outcome = recompute(
            database,
            Selection(tenant, day or "", trace),
            pause_s=PAUSE_S if is_shared else 0,
            show=lambda what, done: show(done) if what == "traces" else None,
        )
    if as_json:
        say_json({**outcome._asdict(), "usd_moved": outcome.usd_moved})
    else:
        _say(outcome)


def _say(outcome: Outcome) -> None:
    resumed = " (it went on where an earlier one was broken off)" if outcome.resumed else ""
    say(f"{outcome.traces:,} traces recomputed{resumed}; {outcome.changed:,} executions are others than before")
    if outcome.read_again:
        say(f"{outcome.read_again:,} rows read again from raw spans and logs")
    if outcome.changed:
        after, before, moved = (usd.normalize() for usd in (outcome.usd_after, outcome.usd_before, outcome.usd_moved))
        say(f"they cost {after:f} USD, and cost {before:f} before: {moved:+f}")
        say(f"calls that got a price: {outcome.priced:,}")
    if outcome.left_out:
        say(f"{outcome.left_out:,} traces stay as they are: raw rows that they were made of may have been dropped")
