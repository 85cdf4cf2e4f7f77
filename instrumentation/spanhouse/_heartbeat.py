"""Say that runs are alive: one timer for the process, one event a run, so that a crash shows within a minute."""

import os
import threading
from typing import Protocol
from weakref import WeakSet

EVERY_S = 20.0


class Alive(Protocol):
    """A run that can say that it is alive."""

    def heartbeat(self) -> None:
        """Say so."""


class Heartbeat:
    """The timer. It holds no run alive: one that is dropped without having ended is not heard of any more."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._lock = threading.Lock()
        self._alive: WeakSet[Alive] = WeakSet()
        self._thread: threading.Thread | None = None
        # The child of a fork runs on with what its parent began, but only the parent tells of it. Threads do not fork.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin_anew)

    def add(self, run: Alive) -> None:
        """Tell of a run from now on."""
        with self._lock:
            self._alive.add(run)
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="spanhouse-heartbeat", daemon=True)
                self._thread.start()

    def remove(self, run: Alive) -> None:
        """Tell of a run no more; it may have been forgotten already."""
        with self._lock:
            self._alive.discard(run)

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._alive = WeakSet()
        self._thread = None

    def _beat(self) -> None:
        over = threading.Event()
        while not over.wait(self._every_s):
            if not self._tell():
                return

    def _tell(self) -> bool:
        """Tell of each run once; False when there is none any more, and the timer is over."""
        with self._lock:
            alive = list(self._alive)
            if not alive:
                self._thread = None
        for run in alive:
            run.heartbeat()
        return bool(alive)
