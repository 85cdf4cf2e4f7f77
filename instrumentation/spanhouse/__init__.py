"""Spanhouse: OpenTelemetry-native observability for AI agents."""

from spanhouse import execution
from spanhouse._llm import ModelCall, llm_call
from spanhouse._operations import Operation, Task, ToolCall, agent, task, tool, workflow
from spanhouse.errors import SpanhouseError
from spanhouse.execution import Execution

__all__ = [
    "Execution",
    "ModelCall",
    "Operation",
    "SpanhouseError",
    "Task",
    "ToolCall",
    "__version__",
    "agent",
    "execution",
    "llm_call",
    "task",
    "tool",
    "workflow",
]

__version__ = "0.1.0"
