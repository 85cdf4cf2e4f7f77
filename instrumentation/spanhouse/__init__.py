"""Spanhouse: OpenTelemetry-native observability for AI agents."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from spanhouse import execution
from spanhouse._llm import ModelCall, llm_call
from spanhouse._operations import Operation, Task, ToolCall, agent, task, tool, workflow
from spanhouse._records import Decision, Pattern, feedback, pattern, pattern_referenced, trigger
from spanhouse._session import Session, session
from spanhouse.errors import BudgetExceeded, SpanhouseError
from spanhouse.execution import Execution

if TYPE_CHECKING:
    from spanhouse import budget, outputs

__all__ = [
    "BudgetExceeded",
    "Decision",
    "Execution",
    "ModelCall",
    "Operation",
    "Pattern",
    "Session",
    "SpanhouseError",
    "Task",
    "ToolCall",
    "__version__",
    "agent",
    "budget",
    "execution",
    "feedback",
    "llm_call",
    "outputs",
    "pattern",
    "pattern_referenced",
    "session",
    "task",
    "tool",
    "trigger",
    "workflow",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    """Load what few programs need when it is asked for: what they stand on takes its time."""
    if name in {"budget", "outputs"}:
        return importlib.import_module(f"spanhouse.{name}")
    raise AttributeError(f"module 'spanhouse' has no attribute {name!r}")
