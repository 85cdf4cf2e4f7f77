"""A pipe from the engine's thread to the event loop: the whole result of a statement goes through, a little at a time.

The engine writes into it as into a file, so that any format streams, and waits while the client is slow.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncGenerator

_PIECE_BYTES = 1024 * 1024


class Pipe:
    """One end is written in a thread, the other read in the event loop. Close both."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            # Fewer turns between threads. The system may have no more of the larger ones to give.
            with contextlib.suppress(PermissionError):
                fcntl.fcntl(self._read, fcntl.F_SETPIPE_SZ, _PIECE_BYTES)

    @property
    def path(self) -> str:
        """Where the engine writes."""
        return f"/dev/fd/{self._write}"

    def write(self, data: bytes) -> None:
        """Write from here; nothing happens when nobody reads any more."""
        rest = memoryview(data)
        with contextlib.suppress(BrokenPipeError):
            while rest:
                rest = rest[os.write(self._write, rest) :]

    def close_writing(self) -> None:
        """Everything has been written: whoever reads comes to the end."""
        os.close(self._write)

    async def pieces(self) -> AsyncGenerator[bytes]:
        """What is written, until it is closed."""
        while True:
            try:
                piece = os.read(self._read, _PIECE_BYTES)
            except BlockingIOError:
                await self._readable()
                continue
            if not piece:
                return
            yield piece

    def close_reading(self) -> None:
        """Read no more: what is still written is lost."""
        os.close(self._read)

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._read, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._read)
