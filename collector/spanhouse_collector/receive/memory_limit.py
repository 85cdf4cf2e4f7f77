"""How many bytes of requests are held in memory at once: past the limit, clients are asked to wait."""

from typing import Self

from spanhouse_web.errors import Busy


class Hold:
    """One request's share of the memory, empty at first; when its block ends it is free again."""

    def __init__(self, inflight: "Inflight") -> None:
        self._inflight = inflight
        self.bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._inflight.bytes -= self.bytes

    def grow(self, size: int) -> None:
        """Take `size` bytes more. Raises `Busy` when they are not to be had now."""
        self._inflight.take(size, held=self.bytes)
        self.bytes += size


class Inflight:
    """The memory that requests share; `bytes` is what is taken."""

    def __init__(self, limit_bytes: int) -> None:
        self.bytes = 0
        self._limit_bytes = limit_bytes

    def hold(self) -> Hold:
        """Return a new request's share, for a `with` block."""
        return Hold(self)

    def take(self, size: int, held: int) -> None:
        """Raises `Busy` when `size` bytes more, for a request that has `held` already, are over the limit."""
        # A request alone is never refused: that is what the limit of a single request is for.
        if self.bytes > held and self.bytes + size > self._limit_bytes:
            raise Busy(f"requests in memory hold {self.bytes} bytes already and may hold {self._limit_bytes}")
        self.bytes += size
