"""`spanhouse doctor`: check this installation, and say what to do about each finding."""

from collections.abc import Callable, Iterator
from typing import Annotated

import typer

from spanhouse.errors import SpanhouseError
from spanhouse_schema.settings import Settings
from spanhouse_server.commands._console import say, say_json
from spanhouse_server.commands._flags import with_settings
from spanhouse_server.doctor.data import (
    check_clock,
    check_database,
    check_dead_letters,
    check_process,
    check_spool,
)
from spanhouse_server.doctor.finding import Finding, Level, fail
from spanhouse_server.doctor.machine import (
    check_addresses,
    check_disk,
    check_exposure,
    check_memory,
    check_permissions,
    check_settings,
    check_tls,
    check_versions,
)

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    check_versions,
    check_settings,
    check_permissions,
    check_exposure,
    check_tls,
    check_addresses,
    check_disk,
    check_memory,
    check_clock,
    check_process,
    check_database,
    check_spool,
    check_dead_letters,
)


@app.command()
@with_settings
def doctor(settings: Settings, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check this installation, and say what to do about each finding. Changes nothing; may run beside `up`.

    Exit code 1 when something does not work, or will not.
    """
    findings = [finding for check in _CHECKS for finding in _examine(check, settings)]
    if as_json:
        say_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            say(_line(finding))
    wrong = sum(finding.level is Level.FAIL for finding in findings)
    if wrong:
        raise typer.Exit(1)


def _examine(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> list[Finding]:
    try:
        return list(check(settings))
    except (SpanhouseError, OSError) as error:
        name = check.__name__.removeprefix("check_").replace("_", " ")
        return [fail(name, f"it could not be checked: {error}", "mend that, and run `spanhouse doctor` again")]


def _line(finding: Finding) -> str:
    line = f"{finding.level:<4}  {finding.check:<12}  {finding.message}"
    return f"{line}\n{'':20}-> {finding.advice}" if finding.advice else line
