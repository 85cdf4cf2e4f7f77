"""OTLP/JSON, turned into the protobuf that it spells."""
