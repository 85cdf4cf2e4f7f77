"""Which process holds the embedded engine's directory; found out without loading the engine."""

import os
import re
from fcntl import LOCK_NB, LOCK_SH, flock
from pathlib import Path


def holder_of(store: Path) -> int | None:
    """The id of the process, other than this one, that holds the engine's directory; None when it is free."""
    try:
        with (store / "status").open() as file:
            try:
                # The engine keeps this lock while it lives. The id alone may be that of another process by now.
                flock(file, LOCK_SH | LOCK_NB)
            except BlockingIOError:
                found = re.search(r"PID: (\d+)", file.read())
                return int(found[1]) if found and int(found[1]) != os.getpid() else None
    except FileNotFoundError:
        pass
    return None
