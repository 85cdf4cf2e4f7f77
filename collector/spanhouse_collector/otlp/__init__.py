"""An OTLP request read: protobuf checked, JSON turned into protobuf."""
