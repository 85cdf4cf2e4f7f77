"""Spanhouse: OpenTelemetry-native observability for AI agents."""

from spanhouse.errors import SpanhouseError

__all__ = ["SpanhouseError", "__version__"]

__version__ = "0.1.0"
