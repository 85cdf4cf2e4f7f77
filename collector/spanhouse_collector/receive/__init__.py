"""OTLP in, over HTTP and gRPC: who asks, what came, what is answered."""
