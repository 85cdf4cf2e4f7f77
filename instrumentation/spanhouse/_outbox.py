"""What is on its way out: kept within bounds, sent by a thread of its own, tried again while the receiver is away.

OpenTelemetry's batch processor counts spans, not bytes (2,048 spans of 256 KiB are half a gigabyte), and gives up a
batch after ten seconds; its flush and its shutdown wait for as long as an export hangs, and what it dropped cannot be
read. In everything else this is like it: a queue, a delay, a batch.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakSet

from opentelemetry.context import Context, attach

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

# Of memory, for what waits and what is being sent.
MAX_BYTES = 64 * 2**20
# Of memory, for one request: receivers of gRPC take 4 MiB unless told otherwise, and text may be larger on the wire.
MAX_REQUEST_BYTES = 2 * 2**20
# For how long one batch is tried, as the OpenTelemetry Collector does it.
GIVE_UP_AFTER_S = 300.0
# Exporters wait for at least this long before they try again what may succeed later; what fails sooner was refused.
REFUSED_WITHIN_S = 0.7
MAX_PAUSE_S = 30.0

_log = logging.getLogger("spanhouse")
_here = threading.local()
# A fork while a module is being imported leaves the child a lock that nobody opens: so it waits until that is done.
_connecting = threading.RLock()
# Hooks of forks cannot be taken back: one serves all outboxes, and holds none of them.
_outboxes: WeakSet["Outbox[Any]"] = WeakSet()


def _in_a_fork() -> None:
    _connecting.release()
    for outbox in tuple(_outboxes):
        outbox.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_connecting.acquire, after_in_parent=_connecting.release, after_in_child=_in_a_fork)


class Sender(Protocol[T_contra]):
    """What an outbox sends through. `to` says where, for people."""

    to: str

    def send(self, batch: Sequence[T_contra], /) -> bool:
        """Send a batch, and say whether it arrived. What it raises is a failure too."""

    def close(self) -> None:
        """Cancel the export in progress, and send nothing more."""


@dataclass(frozen=True)
class Schedule:
    """How much may wait, how much goes at once, and for how long a little waits for more."""

    max_items: int
    batch_items: int
    delay_s: float


class Outbox(Generic[T]):
    """Takes items from any thread at once and without waiting, and sends them in the background.

    `what` names the items for people: "spans". `connect` is called in the background, again in each forked child: a
    connection does not outlive a fork. `size_of` says about how many bytes of memory an item takes. `told_of` is what
    has been said in the program's log already, by this outbox and its siblings.
    """

    def __init__(
        self,
        what: str,
        connect: Callable[[], Sender[T]],
        size_of: Callable[[T], int],
        schedule: Schedule,
        told_of: set[str],
    ) -> None:
        self.what = what
        self._told_of = told_of
        self._connect = connect
        self._size_of = size_of
        self._schedule = schedule
        self._closed = self._abandoned = False
        self._begin(inherited=None)
        _outboxes.add(self)

    def forked(self) -> None:
        """Start empty in a forked child: it sends what it makes itself, its parent sends the rest."""
        self._begin(inherited=self._sender)

    def _begin(self, *, inherited: Sender[T] | None) -> None:
        # Reentrant, and waking is by a SimpleQueue: the garbage collector may end a span inside of any of these lines.
        self._lock = threading.RLock()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._awake = False
        self._waiting: deque[tuple[T, int]] = deque()
        self._bytes = self._accepted = self._settled = self._dropped = 0
        self._progress = threading.Condition()
        self._hurry = threading.Event()
        self._trouble: str | None = None
        self._thread: threading.Thread | None = None
        # To close a connection that the parent uses, or have it collected, might end it for the parent.
        self._inherited = inherited
        self._sender: Sender[T] | None = None

    @property
    def dropped(self) -> int:
        """How many items there was no room for, or could not be sent."""
        return self._dropped

    def put(self, item: T) -> None:
        """Take an item, or drop it when there is no room. Never waits, never raises."""
        size = self._size_of(item)
        with self._lock:
            if self._closed or len(self._waiting) >= self._schedule.max_items or self._bytes + size > MAX_BYTES:
                self._dropped += 1
                return
            self._bytes += size
            self._accepted += 1
            self._waiting.append((item, size))
            if self._thread is None:
                self._start()
        if len(self._waiting) >= self._schedule.batch_items and not self._awake:
            self._awake = True
            self._wake.put(None)

    def rouse(self) -> None:
        """Send what is there now, without waiting for more, nor for the next attempt."""
        self._hurry.set()
        self._wake.put(None)

    def flush(self, timeout_s: float) -> bool:
        """Send what is there now; whether all of it arrived within the time."""
        with self._lock:
            target, dropped = self._accepted, self._dropped
        self._wait_for(target, timeout_s)
        return self._settled >= target and self._dropped == dropped

    def close(self, timeout_s: float, *, patient: bool = True) -> bool:
        """Take nothing more, send what is there, and drop what has not arrived within the time; whether all did.

        Without patience it waits no longer once the receiver is known to be away.
        """
        with self._lock:
            if self._closed:
                return True
            self._closed = True
        self._wait_for(self._accepted, timeout_s, patient=patient)
        with self._lock:
            left = self._accepted - self._settled
            self._dropped += left
            self._abandoned = True
        if self._sender:
            self._sender.close()
        self.rouse()
        self._tell_of_drops("they had not arrived when sending stopped")
        return not left

    def note(self, reason: str) -> None:
        """Remember why sending does not succeed; say so the first time."""
        if self._abandoned:
            return
        with self._progress:
            self._trouble = reason[:250]
            self._progress.notify_all()
        to = self._sender.to if self._sender else "the receiver"
        self._tell_once(
            "trouble",
            f"{self.what} cannot be sent to {to}: {self._trouble}. {self._schedule.max_items:,} at most wait and are"
            " tried again; the program goes on",
        )

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=f"spanhouse-{self.what}", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # no thread can be had, or the interpreter ends: the next item tries again
            self._thread = None

    def _wait_for(self, target: int, timeout_s: float, *, patient: bool = True) -> None:
        self.rouse()
        with self._progress:
            self._progress.wait_for(
                lambda: self._settled >= target or (self._trouble and not patient), timeout_s if self._thread else 0
            )

    def _run(self) -> None:
        # Whoever put the first item started this thread; nothing here is done for them.
        attach(Context())
        _here.outbox = self
        while not self._abandoned:
            with suppress(Empty):
                self._wake.get(timeout=self._schedule.delay_s)
            self._awake = False
            while self._waiting and not self._abandoned:
                batch, size = self._next_batch()
                arrived = self._deliver(batch)
                self._settle(len(batch), size, arrived=arrived)
                self._tell_of_drops()

    def _next_batch(self) -> tuple[list[T], int]:
        batch: list[T] = []
        total = 0
        while self._waiting and len(batch) < self._schedule.batch_items:
            item, size = self._waiting[0]
            if batch and total + size > MAX_REQUEST_BYTES:
                break
            self._waiting.popleft()
            batch.append(item)
            total += size
        return batch, total

    def _deliver(self, batch: list[T]) -> bool:
        give_up = monotonic() + GIVE_UP_AFTER_S
        pause = 1.0
        while not self._abandoned:
            began = monotonic()
            if self._send(batch):
                self._recover()
                return True
            if monotonic() - began < REFUSED_WITHIN_S or monotonic() + pause > give_up:
                return False
            self._hurry.wait(pause)
            self._hurry.clear()
            pause = min(2 * pause, MAX_PAUSE_S)
        return False

    def _send(self, batch: list[T]) -> bool:
        try:
            if self._sender is None:
                with _connecting:
                    self._sender = self._connect()
                if self._abandoned:
                    # close() came meanwhile, and found nothing to close.
                    self._sender.close()
                    return False
            return self._sender.send(batch)
        # Exporters may come from anywhere and raise anything; whatever it is must not end this thread.
        except Exception as error:  # noqa: BLE001
            self.note(repr(error))
            return False

    def _settle(self, items: int, size: int, *, arrived: bool) -> None:
        with self._lock:
            self._bytes -= size
            if self._abandoned:
                return
            self._settled += items
            if not arrived:
                self._dropped += items
        with self._progress:
            self._progress.notify_all()

    def _recover(self) -> None:
        if self._trouble and not self._abandoned:
            self._trouble = None
            _log.info("Spanhouse: %s are sent again", self.what)

    def _tell_of_drops(self, otherwise: str = "there was no room for more") -> None:
        if self._dropped:
            because = self._trouble or otherwise
            self._tell_once("drops", f"{self.what} are dropped: {because}. spanhouse.dropped() counts them")

    def _tell_once(self, topic: str, message: str) -> None:
        if topic not in self._told_of:
            self._told_of.add(topic)
            _log.warning("Spanhouse: %s. This is said once.", message)


class Reasons(logging.Filter):
    """Keeps out of the program's log what exporters say of each batch in a thread of ours, and lets its outbox know."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is somebody else's."""
        outbox: Outbox[object] | None = getattr(_here, "outbox", None)
        if outbox is None:
            return True
        if record.levelno >= logging.WARNING:
            outbox.note(record.getMessage())
        return False
