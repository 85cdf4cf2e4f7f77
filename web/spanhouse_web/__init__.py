"""What the OTLP receivers, the SQL door and the API share of HTTP."""
