"""A worker of a pool, once left alone and once told whose work it does. sys.argv: a URL."""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

from opentelemetry.context import attach
from opentelemetry.propagate import extract, inject

import spanhouse


def alone(_: int) -> int:
    """Call a tool."""
    with spanhouse.tool("alone"):
        return os.getpid()


def told(carrier: dict[str, str]) -> int:
    """Call a tool for whoever sent the carrier."""
    attach(extract(carrier))
    with spanhouse.tool("told"):
        return os.getpid()


spanhouse.init(endpoint=sys.argv[1], instrument=False)
with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
    with spanhouse.agent("starter"):
        assert pool.submit(alone, 0).result() != os.getpid()
    with spanhouse.agent("asker"):
        carrier: dict[str, str] = {}
        inject(carrier)
        pool.submit(told, carrier).result()
