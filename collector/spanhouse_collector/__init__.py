"""The collector: OTLP in, ClickHouse rows out."""
