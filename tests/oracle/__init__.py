"""The oracle: executions and calls derived from a list of spans, in plain Python, as the tables must have them.

    derive(span for row in rows if (span := normalise(row))) -> Derived(executions, calls)

It is written for reading, not for speed, and shares with the product only the tables of conventions. The way through
it: what a span says (`normalisation`), where it stands (`tree`), which spans tell of one call (`calls`), whose calls
they are (`executions`).
"""

from tests.oracle.calls import Call
from tests.oracle.derivation import Derived, derive
from tests.oracle.executions import Execution
from tests.oracle.normalisation import NormalSpan, normalise

__all__ = ["Call", "Derived", "Execution", "NormalSpan", "derive", "normalise"]
