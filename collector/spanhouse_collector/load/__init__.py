"""Segments of the spool into ClickHouse, each once."""
