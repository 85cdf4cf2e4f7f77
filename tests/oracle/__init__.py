"""The oracle: executions and calls derived from a list of spans, in plain Python, as the tables must have them.

    derive(normalised(span) for span in spans) -> Derived(executions, calls)

It is written for reading, not for speed, and shares with the product only the tables of conventions.
"""

from tests.oracle.derivation import Call, Derived, Execution, derive
from tests.oracle.normalisation import NormalSpan, normalise

__all__ = ["Call", "Derived", "Execution", "NormalSpan", "derive", "normalise"]
