"""Stretches worked on by several settlings side by side, each in a thread and a session of its own."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

from spanhouse_schema.derive.settling import Settling

_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")


def in_order(
    settlings: Sequence[Settling], work: Callable[[Settling, _Piece], _Result], pieces: Iterable[_Piece]
) -> Generator[tuple[_Piece, _Result]]:
    """Do some work on each piece, and return the pieces in their order, each with its result.

    A piece is asked for when a settling is nearly free for it, and by the thread that asks for results. Raises what the
    work on a piece raises, once every other that was begun has ended.
    """
    idle: SimpleQueue[Settling] = SimpleQueue()
    for settling in settlings:
        idle.put(settling)

    def run(piece: _Piece) -> _Result:
        settling = idle.get()
        try:
            return work(settling, piece)
        finally:
            idle.put(settling)

    begun: deque[tuple[_Piece, Future[_Result]]] = deque()
    with ThreadPoolExecutor(len(settlings)) as threads:
        try:
            for piece in pieces:
                begun.append((piece, threads.submit(run, piece)))
                # One more than are worked on, so that none waits for a piece.
                if len(begun) > len(settlings):
                    yield _ended(begun)
            while begun:
                yield _ended(begun)
        finally:
            for _, future in begun:
                future.cancel()


def _ended(begun: deque[tuple[_Piece, Future[_Result]]]) -> tuple[_Piece, _Result]:
    piece, future = begun.popleft()
    return piece, future.result()
