"""Hypothesis strategies over the whole OTLP grammar: every message that a client may legally send."""

from collections.abc import Callable, Mapping

from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tests.reference import Request
from tests.strategies import logs, metrics, traces
from tests.strategies.values import any_values

_REQUESTS: Mapping[str, Callable[[st.SearchStrategy[AnyValue]], st.SearchStrategy[Request]]] = {
    "traces": traces.requests,
    "logs": logs.requests,
    "metrics": metrics.requests,
}


def requests(signal: str, values: st.SearchStrategy[AnyValue] = any_values) -> st.SearchStrategy[Request]:
    """Export requests of `signal` ("traces", "logs" or "metrics") whose attributes have `values`."""
    return _REQUESTS[signal](values)
