"""Ids of runs that are known before they begin, so that what is said of a queued run is said of the run itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.sdk.trace.id_generator import IdGenerator

_reserved: ContextVar[tuple[int, int] | None] = ContextVar("spanhouse-reserved-ids", default=None)


@contextmanager
def reserved(trace_id: int, span_id: int) -> Iterator[None]:
    """Give what begins in the block these ids: one span, whose trace id counts where it has no parent."""
    token = _reserved.set((trace_id, span_id))
    try:
        yield
    finally:
        _reserved.reset(token)


class ReservableIds(IdGenerator):
    """Hands out what was reserved, and otherwise what another generator makes."""

    def __init__(self, others: IdGenerator) -> None:
        self._others = others

    def generate_trace_id(self) -> int:
        """The reserved trace id, or a new one."""
        ids = _reserved.get()
        return ids[0] if ids else self._others.generate_trace_id()

    def generate_span_id(self) -> int:
        """The reserved span id, or a new one."""
        ids = _reserved.get()
        return ids[1] if ids else self._others.generate_span_id()

    def is_trace_id_random(self) -> bool:
        """Whether W3C's flag for random trace ids may be set."""
        return self._others.is_trace_id_random()
