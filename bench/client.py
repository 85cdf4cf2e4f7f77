"""A cheap OTLP/HTTP client: requests made beforehand, kept-alive connections, every answer checked."""

import asyncio
import time
from collections.abc import Iterator, Sequence


async def send(address: str, bodies: Sequence[bytes], connections: int, content_type: str) -> list[float]:
    """Send every body to `address` once over so many connections; the seconds that each answer took."""
    pending = iter(bodies)
    taken: list[float] = []
    workers = [_work(address, pending, taken, content_type) for _ in range(connections)]
    await asyncio.gather(*workers)
    return taken


async def send_at(address: str, bodies: Sequence[bytes], clients: int, per_second: float) -> list[float]:
    """Send the bodies at an even rate, whatever the answers take, from so many clients; the seconds of each answer."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()
    taken: list[float] = []

    async def pace() -> None:
        start = time.perf_counter()
        for number, body in enumerate(bodies):
            await asyncio.sleep(max(0.0, start + number / per_second - time.perf_counter()))
            queue.put_nowait(body)
        for _ in range(clients):
            queue.put_nowait(None)

    async def work() -> None:
        reader, writer = await _connect(address)
        while (body := await queue.get()) is not None:
            taken.append(await _post(reader, writer, body, "application/x-protobuf"))
        writer.close()

    await asyncio.gather(pace(), *(work() for _ in range(clients)))
    return taken


async def _work(address: str, pending: Iterator[bytes], taken: list[float], content_type: str) -> None:
    reader, writer = await _connect(address)
    taken.extend([await _post(reader, writer, body, content_type) for body in pending])
    writer.close()


async def _connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = address.split(":")
    return await asyncio.open_connection(host, int(port))


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes, content_type: str) -> float:
    start = time.perf_counter()
    writer.write(
        f"POST /v1/traces HTTP/1.1\r\nHost: bench\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
    )
    writer.write(body)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the receiver answered {head.splitlines()[0].decode()}")
    await reader.readexactly(_length(head))
    return time.perf_counter() - start


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0
