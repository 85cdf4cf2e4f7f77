"""An OTLP request read at the door: protobuf checked, JSON turned into protobuf."""
