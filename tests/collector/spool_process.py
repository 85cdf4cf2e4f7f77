"""A process that uses a spool until it is killed: `python -m tests.collector.spool_process DIRECTORY LIFE [REQUEST …]`.

Prints each request once it is acknowledged, those that it was given to send again first. To "load" a segment is to link
it into `loaded/` under its token, which like ClickHouse's deduplication makes twice once.
"""

import asyncio
import itertools
import os
import random
import sys
from contextlib import suppress
from pathlib import Path

import structlog

from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import writer
from spanhouse_collector.spool.spool import Spool
from tests.collector.spooling import MIB, append, running, send

LOADED = "loaded"
_CLIENTS = 20


async def _main(directory: Path, life: str, again: list[str]) -> None:
    writer.SEAL_AFTER_S = 0.01
    (directory / LOADED).mkdir(exist_ok=True)
    async with running(directory / "spool", segment_bytes=MIB // 8) as spool:
        await asyncio.gather(*(_send(spool, request) for request in again))
        clients = (_client(spool, f"{life}-{number}") for number in range(_CLIENTS))
        await asyncio.gather(_load(spool, directory / LOADED), *clients)


async def _client(spool: Spool, name: str) -> None:
    for number in itertools.count():
        await _send(spool, f"{name}-{number}")


async def _send(spool: Spool, request: str) -> None:
    await append(spool, send(request.encode() + bytes(random.Random(request).randrange(3000))))
    os.write(1, f"{request}\n".encode())


async def _load(spool: Spool, loaded: Path) -> None:
    while True:
        segment = await spool.next_segment(Signal.TRACES)
        with suppress(FileExistsError):
            (loaded / f"{segment.token}.segment").hardlink_to(segment.path)
        await asyncio.sleep(0.01)
        await spool.finish(Signal.TRACES, segment)


if __name__ == "__main__":
    # Of what is acknowledged only: a torn tail that is cut off is logged.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
