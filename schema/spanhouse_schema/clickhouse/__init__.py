"""ClickHouse, embedded or a server: the one way to it, its schema, and how long rows stay."""
