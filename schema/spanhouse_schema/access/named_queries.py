"""The named queries, `sql/queries/<name>.sql`: what each takes, and what a row of it is."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter

from spanhouse_schema.clickhouse import sql_files

Value = str | int | Sequence[str]
"""What a parameter of a query may be."""

_PARAMETER = re.compile(r"\{(\w+):")
_PAGING = frozenset({"since", "until", "after_at", "after_key", "limit"})


class Row(BaseModel):
    """One row of a named query. None is unknown."""

    model_config = ConfigDict(frozen=True)


R = TypeVar("R", bound=Row)


class Query(Generic[R]):
    """A query whose rows come all at once."""

    def __init__(self, name: str, row: type[R]) -> None:
        self.name = name
        self.row = row
        self._rows = TypeAdapter(row)

    @cached_property
    def sql(self) -> str:
        """The statement, with its parameters as `{name:Type}`."""
        return sql_files.query(self.name)

    @cached_property
    def parameters(self) -> frozenset[str]:
        """The names of what the query is asked with."""
        return frozenset(_PARAMETER.findall(self.sql)) - _PAGING

    def check(self, given: Mapping[str, Value]) -> None:
        """Raise `ValueError` unless these are the parameters of the query."""
        if given.keys() != self.parameters:
            raise ValueError(f"{self.name} takes {sorted(self.parameters)}, not {sorted(given)}")

    def read(self, line: bytes) -> R:
        """Return a row from its JSON."""
        return self._rows.validate_json(line)


class PagedQuery(Query[R]):
    """A query whose rows come page by page, newest first."""


class ExecutionSummary(Row):
    """One run in a list of runs."""

    id: str
    trace_id: str
    parent_execution_id: str
    root_execution_id: str
    kind: str
    agent_id: str
    agent_name: str
    agent_version: str
    service_name: str
    user_id: str
    session_id: str
    client_account_id: str
    engagement_id: str
    case_id: str
    flow_id: str
    status: str
    status_message: str
    waiting_for: str
    execution_start: datetime
    execution_end: datetime | None
    execution_time_ms: float | None
    input_preview: str
    output_preview: str
    error_type: str
    error_message: str
    outcome: str
    confidence_score: float | None
    total_model_calls: int
    total_tool_calls: int
    total_input_tokens: int | None
    total_output_tokens: int | None
    total_cost_usd: Decimal | None
    total_cost_source: str
    updated_at: datetime


class Thought(Row):
    """One step of what an agent thought."""

    at: datetime
    thought: str


class ToolCall(Row):
    """One call of a tool, whole."""

    started_at: datetime
    span_id: str
    tool_name: str
    tool_args: str
    tool_result: str
    success: bool
    error_message: str
    duration_ms: float | None


class Execution(Row):
    """One run, whole."""

    id: str
    trace_id: str
    case_id: str
    parent_execution_id: str
    kind: str
    agent_type: str | None
    agent_id: str
    agent_name: str
    model: str | None
    status: str
    status_message: str
    outcome: str
    input_data: str | None
    output_data: str | None
    thinking_traces: tuple[Thought, ...]
    tools_called: tuple[ToolCall, ...]
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    started_at: datetime
    completed_at: datetime | None
    duration_ms: float | None
    error_type: str
    error_message: str
    created_at: datetime
    updated_at: datetime
    session_id: str
    user_id: str
    client_account_id: str
    engagement_id: str
    flow_id: str
    confidence_score: float | None


class Agent(Row):
    """One agent, and what it did in the window that was asked for."""

    agent_name: str
    agent_ids: tuple[str, ...]
    agent_versions: tuple[str, ...]
    executions: int
    failed: int
    first_seen_at: datetime
    last_seen_at: datetime


EXECUTIONS_OF_AGENT = PagedQuery("executions_of_agent", ExecutionSummary)
EXECUTION = Query("execution", Execution)
AGENTS = PagedQuery("agents", Agent)
