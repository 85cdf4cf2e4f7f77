"""The control database: what changes in transactions, in SQLite or PostgreSQL; ClickHouse holds everything else."""
