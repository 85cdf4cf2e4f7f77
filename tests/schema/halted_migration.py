"""Make the control database of the URL; after so many of the statements that change it, say so and wait for EOF."""

import sys
from itertools import count

from sqlalchemy import Engine, event

from spanhouse_schema.control.database import ControlDatabase

_CHANGES = ("CREATE", "INSERT", "UPDATE", "ALTER", "DROP")


def main(url: str, halt_after: int) -> None:
    """Make the database, with a halt on the way."""
    done = count(1)

    def halt(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().startswith(_CHANGES) and next(done) == halt_after:
            print("halted", flush=True)
            sys.stdin.read()

    event.listen(Engine, "after_cursor_execute", halt)
    ControlDatabase(url).close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
