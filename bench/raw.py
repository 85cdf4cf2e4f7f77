"""The raw pipeline alone: from OTLP to raw rows and no further, as a plain collector fills ClickHouse.

As a program it is `spanhouse` in which nothing is settled and no patterns are sought.
"""

import sys
from collections.abc import Callable
from unittest.mock import patch

from spanhouse.cli import main
from spanhouse_collector.discoverer import Discoverer
from spanhouse_collector.settler import Settler

# All but those that fill raw tables, so that a new one is not forgotten.
_DERIVING_VIEWS = """
SELECT name
FROM system.tables
WHERE database = 'spanhouse' AND engine = 'MaterializedView' AND NOT match(name, '^(otel|otlp_scope|ingest_errors)_')
"""


def drop_derivation(ask: Callable[[str], str]) -> None:
    """Drop the views that read raw rows into something else. The next start of `spanhouse` makes them again."""
    for view in ask(_DERIVING_VIEWS).split():
        ask(f"DROP VIEW spanhouse.{view} SYNC")


if __name__ == "__main__":
    with patch.object(Settler, "start"), patch.object(Discoverer, "start"):
        sys.exit(main())
