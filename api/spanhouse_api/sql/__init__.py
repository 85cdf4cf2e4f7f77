"""The SQL door: the ClickHouse HTTP protocol over the embedded engine."""
