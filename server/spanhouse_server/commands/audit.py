"""`spanhouse audit`: compare every derived number with a recomputation from raw rows."""

from typing import Any

import typer

from spanhouse.errors import SpanhouseError
from spanhouse_schema.proof.audit import PATIENCE_S, Report, Selection
from spanhouse_schema.proof.audit import audit as compare
from spanhouse_schema.proof.diff import Difference
from spanhouse_schema.settings import StorageSettings
from spanhouse_server.commands._console import progress, say, say_json, say_table
from spanhouse_server.commands._flags import with_settings
from spanhouse_server.commands._selection import Day, Json, Tenant, Trace, shared_database

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

_MOST_SHOWN = 20


@app.command()
@with_settings
def audit(
    settings: StorageSettings, day: Day = None, trace: Trace = "", tenant: Tenant = "", as_json: Json = False
) -> None:
    """Compare every derived number with a recomputation from raw rows. Changes nothing; may run beside `up`.

    Exit code 1 when something differs. What a running pipeline has not settled yet is waited for, up to a minute and a
    half. Traces whose raw rows the retention may have dropped are left out; a day or a trace of such is refused.
    """
    with shared_database(settings) as (database, is_shared), progress("steps compared") as show:
        scope = Selection(tenant, day or "", trace)
        report = compare(database, scope, patience_s=PATIENCE_S if is_shared else 0, show=lambda _, done: show(done))
    if as_json:
        say_json(_spelled(report))
    else:
        _say(report)
    if not report.is_clean:
        raise SpanhouseError(_summary(report))


def _say(report: Report) -> None:
    say_table(["TABLE", "ROWS", "DIFFERENT"], [[each.table, f"{each.rows:,}", each.different] for each in report.found])
    if report.left_out:
        say(f"{report.left_out:,} traces were left out: raw rows that they were made of may have been dropped since")
    for found in report.found:
        for example in found.examples[:_MOST_SHOWN]:
            say(f"\n{example.table}: {_named(example.key)} is {example.what}; `{_remedy(example)}`")
            for column, (stored, recomputed) in example.columns.items():
                say(f"  {column} is {_shown(stored)}, recomputed {_shown(recomputed)}")


def _summary(report: Report) -> str:
    tables = ", ".join(f"{each.different:,} of {each.table}" for each in report.found if each.different)
    return f"rows that are not what they come to: {tables}. `spanhouse rebuild --all` recomputes everything"


def _spelled(report: Report) -> dict[str, Any]:
    tables = [
        {
            "table": found.table,
            "rows": found.rows,
            "different": found.different,
            "examples": [_spelled_example(example) for example in found.examples[:_MOST_SHOWN]],
        }
        for found in report.found
    ]
    return {"clean": report.is_clean, "left_out_traces": report.left_out, "tables": tables}


def _spelled_example(example: Difference) -> dict[str, Any]:
    columns = {
        name: {"stored": stored, "recomputed": recomputed} for name, (stored, recomputed) in example.columns.items()
    }
    return {"what": example.what, "key": example.key, "columns": columns, "remedy": _remedy(example)}


def _remedy(example: Difference) -> str:
    for column, flag in (("date", "day"), ("TraceId", "trace")):
        if text := example.key.get(column):
            return f"spanhouse rebuild --{flag} {text}"
    return "spanhouse rebuild --all"


def _named(key: dict[str, str]) -> str:
    return ", ".join(f"{name} {_shown(text)}" for name, text in key.items())


def _shown(text: str | None) -> str:
    return "NULL" if text is None else repr(text)
