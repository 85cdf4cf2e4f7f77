"""Take turns: a key runs a few statements at once, a few more wait, and what comes beyond that is sent away."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from spanhouse_api.sql.errors import TooMany

_WAITING_EACH = 4
_PATIENCE_S = 10.0


class Turns:
    """The turns of each key, `at_once` at a time; used in the event loop."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._keys: dict[str, _Key] = {}

    @asynccontextmanager
    async def taken(self, key_id: str) -> AsyncGenerator[None]:
        """A turn while the block lasts, after those that came before.

        Raises `TooMany` when too many wait already, or nobody of them has ended for ten seconds.
        """
        key = self._keys.setdefault(key_id, _Key(self._at_once))
        if key.statements >= self._at_once * (1 + _WAITING_EACH):
            raise TooMany(f"{self._at_once} statements of this key run, and {key.statements - self._at_once} wait")
        key.statements += 1
        try:
            await self._wait(key)
            try:
                yield
            finally:
                key.turns.release()
        finally:
            key.statements -= 1
            if not key.statements:
                del self._keys[key_id]

    async def _wait(self, key: "_Key") -> None:
        try:
            await asyncio.wait_for(key.turns.acquire(), _PATIENCE_S)
        except TimeoutError as error:
            reason = f"{self._at_once} statements of this key run, and none has ended for {_PATIENCE_S:.0f} s"
            raise TooMany(reason) from error


class _Key:
    def __init__(self, at_once: int) -> None:
        self.turns = asyncio.Semaphore(at_once)
        self.statements = 0
