"""What is served over HTTP: the SQL door."""
