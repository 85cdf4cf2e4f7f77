"""How many bytes of requests are held in memory at once: past the limit, clients are asked to wait."""

from collections.abc import Iterator
from contextlib import contextmanager

from spanhouse_web.errors import Busy


class Hold:
    """One request's share of the memory."""

    def __init__(self, inflight: "Inflight") -> None:
        self._inflight = inflight
        self.bytes = 0

    def grow(self, size: int) -> None:
        """Take `size` bytes more. Raises `Busy` when they are not to be had now."""
        self._inflight.take(size, held=self.bytes)
        self.bytes += size


class Inflight:
    """The memory that requests share; `bytes` is what is taken."""

    def __init__(self, limit_bytes: int) -> None:
        self.bytes = 0
        self._limit_bytes = limit_bytes

    @contextmanager
    def hold(self) -> Iterator[Hold]:
        """Give a request its share, empty at first; when the block ends it is free again."""
        hold = Hold(self)
        try:
            yield hold
        finally:
            self.bytes -= hold.bytes

    def take(self, size: int, held: int) -> None:
        """Raises `Busy` when `size` bytes more, for a request that has `held` already, are over the limit."""
        # A request alone is never refused: that is what the limit of a single request is for.
        if self.bytes > held and self.bytes + size > self._limit_bytes:
            raise Busy(f"requests in memory hold {self.bytes} bytes already and may hold {self._limit_bytes}")
        self.bytes += size
