"""The days that executions count on: of agents, and of scopes that have a budget."""

import polars as pl

from spanhouse_schema.derive.rules.columns import said
from spanhouse_schema.derive.rules.usage import days

_DAY = ["TenantId", "Day"]
_SCOPES = {"agent": "AgentName", "user": "Users", "session": "Sessions"}


def touched_days(listed: pl.DataFrame, timezone: str) -> dict[str, pl.DataFrame]:
    """Return the rows of the session's tables `touched` and `spent_on`, from rows of listed_executions."""
    by_day = listed.select("TenantId", "AgentName", "Users", "Sessions", Day="Days").explode("Day").drop_nulls("Day")
    scopes = [by_day.select(*_DAY, Scope=pl.lit("tenant"), ScopeId=pl.lit(b""))]
    for scope, name in _SCOPES.items():
        ids = by_day.select(*_DAY, Scope=pl.lit(scope), ScopeId=name)
        each = ids.explode("ScopeId") if name != "AgentName" else ids
        scopes.append(each.filter(said("ScopeId")))
    return {
        "touched": listed.select("TenantId", "AgentName", Day=days(listed["StartedAt"], timezone)).unique(),
        "spent_on": pl.concat(scopes).unique(),
    }
