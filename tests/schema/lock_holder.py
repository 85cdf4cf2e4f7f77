"""A process that holds the migration lock of the server behind a DSN until it is ended: DSN, directory of its own."""

import sys
from pathlib import Path
from threading import Event

from spanhouse_schema import Database, Settings
from spanhouse_schema.clickhouse import migration_lock, table_lock

# So often that a test need not wait for long.
table_lock.TOUCHED_EVERY_S = 0.2

if __name__ == "__main__":
    dsn, directory = sys.argv[1:]
    with migration_lock.held(Database.open(Settings.load(clickhouse=dsn, data_dir=Path(directory)))):
        print("held", flush=True)
        Event().wait()
