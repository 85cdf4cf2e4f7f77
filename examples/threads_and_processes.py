"""Work that an agent hands to threads and to other processes is its work there, too.

Threads and executors of threads need nothing. To another process the context is sent along, as W3C headers.
"""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

from opentelemetry import context, propagate

import spanhouse


@spanhouse.tool
def read(book: str) -> int:
    """Read a book, and count its letters."""
    return len(book)


def read_elsewhere(book: str, sender: dict[str, str]) -> int:
    """Read a book in a process of the pool, as the work of who sent it."""
    token = context.attach(propagate.extract(sender))
    try:
        return read(book)
    finally:
        context.detach(token)
        # The processes of a pool end without saying goodbye.
        spanhouse.flush()


@spanhouse.agent("librarian")
def count_letters(books: list[str]) -> int:
    """Count the letters of some books in threads, and of the same books in processes."""
    with ThreadPoolExecutor(2) as threads:
        in_threads = list(threads.map(read, books))
    sender: dict[str, str] = {}
    propagate.inject(sender)
    with ProcessPoolExecutor(2, get_context("spawn"), initialize) as processes:
        elsewhere = list(processes.map(read_elsewhere, books, [sender] * len(books)))
    return sum(in_threads) + sum(elsewhere)


def initialize() -> None:
    """Begin to record: in this process, and in each of the pool."""
    spanhouse.init(service="threads-and-processes")


if __name__ == "__main__":
    initialize()
    with spanhouse.session("reading-club", user="u7"):
        print(count_letters(["Ring of Bright Water", "Tarka the Otter"]))
