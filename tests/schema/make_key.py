"""Make a key in the control database of the URL, once a line is read; print whether Alembic was needed; end at EOF."""

import sys

from spanhouse_schema.access.grants import Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase


def main(url: str) -> None:
    """Make the key."""
    sys.stdin.readline()
    with ControlDatabase(url) as control:
        KeyStore(control).create("acme", Scope.INGEST)
        print("alembic" in sys.modules, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
