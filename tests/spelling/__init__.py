"""The many spellings that one OTLP request may legally have on the wire."""
