"""Questions through the SQL door, one after the other, and how long each took."""

import time
from collections.abc import Iterable
from contextlib import closing
from http.client import HTTPConnection
from statistics import quantiles


def p95_ms(address: str, headers: dict[str, str], statements: Iterable[str]) -> float:
    """The 95th percentile of what the statements took, each sent when the one before was answered. In milliseconds.

    Raises `RuntimeError` when one is refused, or answered by nothing.
    """
    taken = []
    with closing(HTTPConnection(address, timeout=120)) as door:
        for statement in statements:
            start = time.perf_counter()
            _ask(door, headers, statement)
            taken.append((time.perf_counter() - start) * 1000)
    return quantiles(taken, n=20)[-1]


def _ask(door: HTTPConnection, headers: dict[str, str], statement: str) -> None:
    door.request("POST", "/", statement, headers)
    reply = door.getresponse()
    answer = reply.read()
    if reply.status != 200 or not answer.strip():
        raise RuntimeError(f"the door answered {reply.status}: {answer[:500]!r}")
