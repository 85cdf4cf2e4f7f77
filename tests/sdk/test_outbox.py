"""An outbox is never in the way: it takes or drops at once, sends in the background, and says how it went."""

import gc
import logging
import os
import threading
from collections.abc import Callable, Sequence

import pytest

from spanhouse import _outbox
from spanhouse._outbox import MAX_BYTES, MAX_REQUEST_BYTES, Outbox, Schedule
from tests.support.waiting import until

SOON = Schedule(max_items=2_048, batch_items=512, delay_s=0.01)
LATER = Schedule(max_items=2_048, batch_items=512, delay_s=60)


class Post:
    """A sender that keeps what it is given. It fails while it is `broken`, and hangs while it is not `open`."""

    to = "the post"

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.attempts = 0
        self.broken: Callable[[], bool] = lambda: False
        self.open = threading.Event()
        self.open.set()
        self.closed = False

    @property
    def items(self) -> list[str]:
        """All that arrived."""
        return [item for batch in self.batches for item in batch]

    def send(self, batch: Sequence[str], /) -> bool:
        """Take a batch."""
        self.attempts += 1
        self.open.wait()
        if self.broken():
            return False
        self.batches.append(list(batch))
        return True

    def close(self) -> None:
        """Hang no longer."""
        self.closed = True
        self.open.set()


def outbox(post: Post, schedule: Schedule = SOON) -> Outbox[str]:
    return Outbox("letters", lambda: post, len, schedule, set())


def test_what_is_put_arrives_in_order() -> None:
    post = Post()
    box = outbox(post)
    for n in range(3_000):
        box.put(str(n))
        if n % 1_000 == 999:
            assert box.flush(10)
    assert post.items == [str(n) for n in range(3_000)]
    assert max(map(len, post.batches)) <= 512


def test_a_little_goes_by_itself_after_the_delay() -> None:
    post = Post()
    outbox(post).put("alone")
    until(lambda: post.items == ["alone"])


def test_a_full_batch_does_not_wait_for_the_delay() -> None:
    post = Post()
    box = outbox(post, LATER)
    for n in range(512):
        box.put(str(n))
    until(lambda: len(post.items) == 512)


def test_what_there_is_no_room_for_is_dropped_and_counted() -> None:
    post = Post()
    post.open.clear()
    box = outbox(post, Schedule(max_items=10, batch_items=5, delay_s=60))
    for n in range(5):
        box.put(str(n))
    until(lambda: post.attempts == 1)
    # A batch is being sent; of the others ten wait.
    for n in range(95):
        box.put(str(n))
    assert box.dropped == 95 - 10
    post.open.set()
    box.flush(10)
    assert len(post.items) + box.dropped == 100


def test_room_is_measured_in_bytes_too() -> None:
    post = Post()
    post.open.clear()
    box = outbox(post, LATER)
    letter = "x" * (MAX_BYTES // 16)
    for _ in range(20):
        box.put(letter)
    assert box.dropped == 4
    post.open.set()
    assert box.flush(10)
    box.put(letter)
    assert box.flush(10)
    assert len(post.items) == 17


def test_large_items_go_in_requests_of_bounded_size() -> None:
    post = Post()
    box = outbox(post, LATER)
    for _ in range(8):
        box.put("x" * (MAX_REQUEST_BYTES // 3))
    box.put("x" * (3 * MAX_REQUEST_BYTES))
    assert box.flush(10)
    assert [len(batch) for batch in post.batches] == [3, 3, 2, 1]


def test_a_batch_that_may_arrive_later_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_outbox, "REFUSED_WITHIN_S", 0.0)
    post = Post()
    post.broken = lambda: post.attempts < 3
    box = outbox(post)
    box.put("late")
    until(lambda: post.items == ["late"])
    assert (post.attempts, box.dropped) == (3, 0)


def test_a_batch_that_is_refused_holds_up_nothing() -> None:
    post = Post()
    post.broken = lambda: post.attempts == 1
    box = outbox(post)
    box.put("bad")
    assert not box.flush(10)
    box.put("good")
    assert box.flush(10)
    assert (post.items, box.dropped) == (["good"], 1)


def test_a_flush_ends_in_time_though_the_receiver_hangs() -> None:
    post = Post()
    post.open.clear()
    box = outbox(post)
    box.put("stuck")
    assert not box.flush(0.2)
    assert post.attempts == 1
    post.open.set()
    assert box.flush(10)


def test_closing_gives_up_what_hangs_and_counts_it() -> None:
    post = Post()
    post.open.clear()
    box = outbox(post)
    for n in range(3):
        box.put(str(n))
    assert not box.close(0.2)
    assert (box.dropped, post.closed) == (3, True)
    box.put("too late")
    assert box.dropped == 4


def test_without_patience_closing_waits_no_longer_once_the_receiver_is_known_to_be_away() -> None:
    post = Post()
    post.open.clear()
    box = outbox(post)
    box.put("stuck")
    until(lambda: post.attempts == 1)
    box.note("nobody is there")
    # With patience this would be longer than a test may take.
    assert not box.close(3_600, patient=False)
    assert not post.items


def test_a_connection_that_is_made_while_the_outbox_closes_is_closed_too() -> None:
    post = Post()
    connecting, goes_on = threading.Event(), threading.Event()

    def connect() -> Post:
        connecting.set()
        goes_on.wait()
        return post

    box = Outbox("letters", connect, len, SOON, set())
    box.put("late")
    assert connecting.wait(20)
    assert not box.close(0)
    goes_on.set()
    until(lambda: post.closed)
    assert post.attempts == 0


def test_what_cannot_be_sent_is_said_once_and_what_is_dropped_too(caplog: pytest.LogCaptureFixture) -> None:
    post = Post()

    def fail() -> bool:
        raise OSError("no space left on device")

    post.broken = fail
    box = outbox(post)
    for n in range(20):
        box.put(str(n))
        box.flush(10)
    away, gone = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert away.startswith("Spanhouse: letters cannot be sent to the post: OSError('no space left on device').")
    assert gone.startswith("Spanhouse: letters are dropped: OSError('no space left on device').")
    assert box.dropped == 20


def test_nothing_is_lost_between_many_threads() -> None:
    post = Post()
    box = outbox(post, Schedule(max_items=100_000, batch_items=64, delay_s=0.001))

    def work(name: int) -> None:
        for n in range(2_000):
            box.put(f"{name}-{n}")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert box.flush(30)
    assert sorted(post.items) == sorted(f"{name}-{n}" for name in range(8) for n in range(2_000))


def test_the_garbage_collector_may_put_something_at_any_moment() -> None:
    post = Post()
    box = outbox(post, Schedule(max_items=1_000_000, batch_items=8, delay_s=0.001))

    collected: list[object] = []

    class Abandoned:
        def __init__(self) -> None:
            self.self = self

        def __del__(self) -> None:
            box.put("collected")
            collected.append(None)

    thresholds = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for _ in range(20_000):
            Abandoned()
            box.put("put")
    finally:
        gc.set_threshold(*thresholds)
    # The other thread may be in the midst of a collection.
    until(lambda: gc.collect() == 0 and len(collected) == 20_000)
    assert box.flush(30)
    assert sorted(post.items) == ["collected"] * 20_000 + ["put"] * 20_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_connects_anew_and_sends_only_its_own() -> None:
    posts: list[Post] = []

    def connect() -> Post:
        posts.append(Post())
        return posts[-1]

    box = Outbox("letters", connect, len, LATER, set())
    box.put("sent by the parent")
    assert box.flush(10)
    box.put("waiting in the parent")
    child = os.fork()
    if not child:
        box.put("of the child")
        ok = box.flush(10) and posts[-1].items == ["of the child"] and len(posts) == 2
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert box.flush(10)
    assert posts[0].items == ["sent by the parent", "waiting in the parent"]
