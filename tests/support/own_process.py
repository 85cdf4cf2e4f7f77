"""Call a function in a process of its own: chDB opens one directory a process."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from site import addsitedir
from typing import ParamSpec, TypeVar

_ROOT = Path(__file__).parents[2]
_TIMEOUT_S = 240
_P = ParamSpec("_P")
_T = TypeVar("_T")


def call(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Return what `function`, of a module, returns there; raise what it raises."""
    # pytest imports the tests without having their root on the path, where the other process looks for them.
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=addsitedir, initargs=(str(_ROOT),)) as processes:
        return processes.submit(function, *args, **kwargs).result(_TIMEOUT_S)
