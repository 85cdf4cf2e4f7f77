"""What was answered lately, for callers who never wait: a daemon thread asks again while the old answer counts."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from operator import attrgetter
from threading import Condition, Thread
from time import monotonic
from typing import Generic, TypeVar

from opentelemetry.context import Context, attach

from spanhouse._otel_private import unseen

MAX_QUESTIONS = 1024
"""So many are remembered; of more, those that were asked last."""

STALE_S = 60.0
"""So long an answer counts after its time, while a newer one is fetched. Then it is none."""

_logger = logging.getLogger("spanhouse")

Q = TypeVar("Q", bound=Hashable)
A = TypeVar("A")


@dataclass(slots=True)
class _Heard(Generic[A]):
    """The last answer, when it came, and when it was last tried to get one, in seconds of the monotonic clock."""

    answer: A | None = None
    at: float = float("-inf")
    tried_at: float = float("-inf")


class Answers(Generic[Q, A]):
    """The answers of `ask` to questions, each good for `ttl_s` seconds.

    `ask` may take its time and may raise: it is called by one thread, which is there while there is something to ask.
    `whom` says in messages who did not answer.
    """

    def __init__(self, ask: Callable[[Q], A], *, ttl_s: float, whom: str) -> None:
        self._ask = ask
        self._ttl_s = ttl_s
        self._whom = whom
        self._heard: OrderedDict[Q, _Heard[A]] = OrderedDict()
        self._said: set[str] = set()
        self.forked()

    def forked(self) -> None:
        """Begin anew in a forked child: no thread is there, and a lock may be held by one that never was."""
        self._changed = Condition()
        self._wanted: dict[Q, None] = {}
        self._asked_now: Q | None = None
        self._is_asking = False

    def latest(self, question: Q) -> A | None:
        """What was heard last, at once; None where nothing was, or too long ago."""
        with self._changed:
            heard = self._remembered(question)
            if monotonic() - heard.tried_at >= self._ttl_s and question != self._asked_now:
                self._want(question)
            return heard.answer if self._counts(heard) else None

    def fetched(self, question: Q, timeout_s: float) -> A | None:
        """The same, after it was asked anew, or `timeout_s` seconds are over."""
        with self._changed:
            heard = self._remembered(question)
            self._want(question)
            # One that is being asked already may have been answered from before.
            self._changed.wait_for(lambda: question not in self._wanted and question != self._asked_now, timeout_s)
            return heard.answer if self._counts(heard) else None

    def that_count(self) -> list[A]:
        """Whatever was heard lately, the latest at the end."""
        with self._changed:
            lately = [heard for heard in self._heard.values() if self._counts(heard)]
        return [heard.answer for heard in sorted(lately, key=attrgetter("at")) if heard.answer is not None]

    def _remembered(self, question: Q) -> _Heard[A]:
        heard = self._heard.setdefault(question, _Heard())
        self._heard.move_to_end(question)
        if len(self._heard) > MAX_QUESTIONS:
            self._heard.popitem(last=False)
        return heard

    def _counts(self, heard: _Heard[A]) -> bool:
        return monotonic() - heard.at < self._ttl_s + STALE_S

    def _want(self, question: Q) -> None:
        if len(self._wanted) < MAX_QUESTIONS:
            self._wanted[question] = None
        if not self._is_asking:
            try:
                Thread(target=self._work, name="spanhouse-answers", daemon=True).start()
            except RuntimeError:
                # The interpreter ends, or the system has no thread left: whoever asks goes without.
                self._wanted.clear()
            else:
                self._is_asking = True

    def _work(self) -> None:
        # A request belongs to no run.
        attach(unseen(Context()))
        while (question := self._next()) is not None:
            answer = self._asked(question)
            with self._changed:
                heard = self._remembered(question)
                heard.tried_at = monotonic()
                if answer is not None:
                    heard.answer, heard.at = answer, heard.tried_at
                self._asked_now = None
                self._changed.notify_all()

    def _next(self) -> Q | None:
        with self._changed:
            self._is_asking = bool(self._wanted)
            if self._wanted:
                self._asked_now = next(iter(self._wanted))
                del self._wanted[self._asked_now]
            return self._asked_now

    def _asked(self, question: Q) -> A | None:
        try:
            return self._ask(question)
        except Exception as error:  # noqa: BLE001 - whatever keeps the answer away, nobody is to notice but the log
            if (kind := type(error).__name__) not in self._said:
                self._said.add(kind)
                _logger.warning("%s: %s: %s (said once)", self._whom, kind, error)
            return None
