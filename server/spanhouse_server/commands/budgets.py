"""`spanhouse budgets`: say what may be spent, and see what is left of it."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import typer

from spanhouse_schema.derive.budgets import PERIODS, SCOPES, Budget, clear_limit, set_limit
from spanhouse_schema.settings import StorageSettings
from spanhouse_server.commands._console import say, say_rows
from spanhouse_server.commands._flags import with_settings
from spanhouse_server.opening import current_database, writable_database

app = typer.Typer(
    help="Say what may be spent in a day, week or month, in USD, and see what is left of it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

_MOST_USD = Decimal(10) ** 12
_NO_LIMIT = "none"

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Tenant = Annotated[str, typer.Option(help="Whose budget.")]
Agent = Annotated[str, typer.Option(help="Of one agent, by its name.")]
User = Annotated[str, typer.Option(help="Of one user, by their id.")]
Session = Annotated[str, typer.Option(help="Of one session, by its id.")]
Period = Annotated[Literal["day", "week", "month"], typer.Option("--per", help="Weeks begin on Monday.")]


def _limit(text: str) -> Decimal | str:
    if text == _NO_LIMIT:
        return text
    try:
        usd = Decimal(text)
    except InvalidOperation as error:
        raise typer.BadParameter(f"{text!r} is not an amount in USD; use '{_NO_LIMIT}' for no limit") from error
    if not (usd.is_finite() and 0 <= usd <= _MOST_USD):
        raise typer.BadParameter(f"{text} USD is not between 0 and {_MOST_USD:,}")
    return usd


@app.command("set")
@with_settings
def set_budget(
    settings: StorageSettings,
    limit: Annotated[Any, typer.Argument(parser=_limit, metavar="USD", help="Or 'none': no limit.")],
    *,
    period: Period = "day",
    agent: Agent = "",
    user: User = "",
    session: Session = "",
    tenant: Tenant = "default",
) -> None:
    """Say what a tenant may spend, or one of its agents, users or sessions. What was spent before stays spent."""
    budget = _budget(tenant, agent, user, session, period)
    with writable_database(settings) as database:
        set_limit(database, budget, None if limit == _NO_LIMIT else limit)
    usd = "no limit" if limit == _NO_LIMIT else f"{limit.normalize():f} USD"
    say(f"{_whose(budget)}: {usd} a {period}")


@app.command()
@with_settings
def clear(
    settings: StorageSettings,
    *,
    period: Period = "day",
    agent: Agent = "",
    user: User = "",
    session: Session = "",
    tenant: Tenant = "default",
) -> None:
    """Remove a limit. A tenant has the installation's default for a day then, all others have none."""
    budget = _budget(tenant, agent, user, session, period)
    with writable_database(settings) as database:
        clear_limit(database, budget)
    say(f"Removed the limit of {_whose(budget)} for a {period}")


@app.command("list")
@with_settings
def list_budgets(settings: StorageSettings, as_json: Json = False) -> None:
    """List every limit that holds: what was spent of it, what is left, and whether agents should go on."""
    columns = (
        *("tenant_id", "scope", "scope_id", "period", "window_start"),
        *("limit_usd", "used_usd", "remaining_usd", "unpriced_calls", "verdict"),
    )
    with current_database(settings) as database:
        rows = database.rows(
            f"SELECT {', '.join(columns)} FROM spanhouse.budget_verdicts "
            f"ORDER BY tenant_id, indexOf({list(SCOPES)}, scope), scope_id, indexOf({list(PERIODS)}, period)"
        )
    say_rows(columns, rows, as_json=as_json)


def _budget(tenant: str, agent: str, user: str, session: str, period: str) -> Budget:
    named = [(scope, name) for scope, name in (("agent", agent), ("user", user), ("session", session)) if name]
    if len(named) > 1:
        raise typer.BadParameter("a budget is of one agent, one user or one session: name only one of them")
    return Budget(tenant, *(named[0] if named else ("tenant", "")), period)


def _whose(budget: Budget) -> str:
    return f"tenant {budget.tenant}" + (f", {budget.scope} {budget.scope_id}" if budget.scope_id else "")
