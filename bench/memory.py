"""Whether memory stays flat under ten minutes of more than can be written."""

import asyncio
import time
from pathlib import Path

from bench import client, spans
from bench.processes import Measured, Spanhouse
from bench.report import Figure

MINUTES = 10
SPANS_PER_ROUND = 100_000


def measure(directory: Path) -> list[Figure]:
    """Peak memory of ten minutes at saturation, and how much more the last minute held than the third."""
    installation = Spanhouse(directory / "memory")
    with installation.running() as process:
        held = [_one_minute(installation, process, minute) for minute in range(MINUTES)]
        peak = process.peak_rss_bytes / 2**20
    return [
        Figure("peak memory, ten minutes at saturation", "MiB", [peak], "≤ 1,536"),
        Figure("memory, last minute / third minute", "ratio", [held[-1] / held[2]], "≤ 1.1"),
    ]


def _one_minute(installation: Spanhouse, process: Measured, minute: int) -> float:
    """Send as fast as it is taken for a minute; the mean of the memory held, in bytes."""
    end = time.monotonic() + 60
    held = []
    bodies = spans.requests(SPANS_PER_ROUND, seed=minute)
    while time.monotonic() < end:
        asyncio.run(client.send(installation.http, bodies, 8, "application/x-protobuf"))
        held.append(process.rss_bytes)
        bodies = [
            body.replace(b"gen_ai.conversation.id", b"gen_ai.conversation.%02d" % (len(held) % 100)) for body in bodies
        ]
    return sum(held) / len(held)
