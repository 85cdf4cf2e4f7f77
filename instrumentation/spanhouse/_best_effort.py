"""What cannot be recorded: the agent goes on, it is counted, and said once of each kind."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_logger = logging.getLogger("spanhouse")
_lock = Lock()

refused: Counter[str] = Counter()
"""How many records of each kind were not made."""


@contextmanager
def recording(what: str) -> Iterator[None]:
    """Record one thing in the block. Whatever goes wrong there costs this one record, and raises nothing."""
    try:
        yield
    # A user's own value may raise anything when it is read, and a processor of somebody else's when it is told.
    except Exception as error:  # noqa: BLE001
        with _lock:
            refused[what] += 1
            is_first = refused[what] == 1
        if is_first:
            _logger.warning("a %s was not recorded: %s (said once; all are counted)", what, error)


def fraction(name: str, value: float) -> float:
    """A score or a confidence. Raises ValueError for what is not from 0 to 1."""
    if not 0 <= (number := float(value)) <= 1:
        raise ValueError(f"{name} is {value!r}, and has to be from 0 to 1")
    return number
