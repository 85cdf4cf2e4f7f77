"""Wait for what another thread or process is about to do."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Return when the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + timeout_s
    pause_s = 0.02
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {timeout_s} s"
        # Whoever asks takes the core of what is waited for.
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.2)
