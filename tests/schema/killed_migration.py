"""Make the control database of the URL, and be killed after so many of the statements that change it."""

import os
import signal
import sys
from itertools import count

from sqlalchemy import Engine, event

from spanhouse_schema.control.database import ControlDatabase

_CHANGES = ("CREATE", "INSERT", "UPDATE", "ALTER", "DROP")


def main(url: str, kill_after: int) -> None:
    """Make the database, or die of it."""
    done = count(1)

    def die(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().startswith(_CHANGES) and next(done) == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", die)
    ControlDatabase(url).close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
