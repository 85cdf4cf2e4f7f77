"""A program: `spanhouse` in which a lock that is not touched expires so soon that a test need not wait for long."""

import sys

from spanhouse.cli import main
from spanhouse_schema.clickhouse import table_lock

TOUCHED_EVERY_S, EXPIRES_AFTER_S = 0.5, 5

if __name__ == "__main__":
    table_lock.TOUCHED_EVERY_S, table_lock.EXPIRES_AFTER_S = TOUCHED_EVERY_S, EXPIRES_AFTER_S
    sys.exit(main())
