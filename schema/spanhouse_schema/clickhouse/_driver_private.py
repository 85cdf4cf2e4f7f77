"""The private names of clickhouse-connect that are used; `tests/schema/test_driver_private.py` says what for."""

# How its chDB backend spells a directory: connections to one engine must agree on that, and chDB compares the text.
from clickhouse_connect.driver._chdbclient import build_connection_string

__all__ = ["build_connection_string"]
