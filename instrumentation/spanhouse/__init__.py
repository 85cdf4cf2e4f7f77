"""Spanhouse: OpenTelemetry-native observability for AI agents."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from spanhouse import execution
from spanhouse._decorators import agent, task, tool, workflow
from spanhouse._llm import ModelCall, llm_call
from spanhouse._operations import Operation, Task, ToolCall
from spanhouse._records import Decision, Pattern, feedback, pattern, pattern_referenced, trigger
from spanhouse._session import Session, session
from spanhouse.errors import BudgetExceeded, SpanhouseError
from spanhouse.execution import Execution

if TYPE_CHECKING:
    from spanhouse import budget, outputs
    from spanhouse._setup import dropped, flush, init, shutdown

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
    "dropped",
    "execution",
    "feedback",
    "flush",
    "init",
    "llm_call",
    "outputs",
    "pattern",
    "pattern_referenced",
    "session",
    "shutdown",
    "task",
    "tool",
    "trigger",
    "workflow",
]

__version__ = "0.1.0"

_MODULES = {"budget", "outputs"}
_OF_SETUP = {"dropped", "flush", "init", "shutdown"}


def __getattr__(name: str) -> object:
    """Load what few programs need, or need once, when it is asked for: what it stands on takes its time."""
    if name in _MODULES:
        return importlib.import_module(f"spanhouse.{name}")
    if name in _OF_SETUP:
        return getattr(importlib.import_module("spanhouse._setup"), name)
    raise AttributeError(f"module 'spanhouse' has no attribute {name!r}")
