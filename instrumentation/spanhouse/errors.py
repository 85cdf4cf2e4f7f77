"""The root of every error that Spanhouse raises on purpose, and those of the SDK."""

from __future__ import annotations

from spanhouse._verdict import Verdict


class SpanhouseError(Exception):
    """Something went wrong that the reader can act on: the message says what, with which value, and what to do.

    Each package opens its own tree below this one in its `errors.py`.
    """


class BudgetExceeded(SpanhouseError):
    """An agent is not to run: the message says what was spent of what, `verdict` says it as numbers."""

    def __init__(self, message: str, verdict: Verdict) -> None:
        # Both, so that it comes back whole from a process pool.
        super().__init__(message, verdict)
        self.verdict = verdict

    def __str__(self) -> str:
        return str(self.args[0])
