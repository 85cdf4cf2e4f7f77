"""Eight forks while four threads record without a pause; each child sends fifty spans. sys.argv: a URL."""

import os
import sys
import threading
import time

import spanhouse

over = threading.Event()


def work(name: str) -> None:
    """Call a tool until it is over."""
    while not over.wait(0.002):
        with spanhouse.tool(name):
            pass


def child(number: int) -> int:
    """Fork, and return the child's process id; it ends by itself."""
    pid = os.fork()
    if pid:
        return pid
    for _ in range(50):
        with spanhouse.tool(f"child {number}"):
            pass
    assert spanhouse.shutdown(30)
    os._exit(0)


spanhouse.init(endpoint=sys.argv[1], instrument=False)
threads = [threading.Thread(target=work, args=(f"parent {n}",)) for n in range(4)]
for thread in threads:
    thread.start()
children = []
for n in range(8):
    # So that the forks meet all that a second of sending consists of.
    time.sleep(0.2)
    children.append(child(n))
assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 8
over.set()
for thread in threads:
    thread.join()
assert spanhouse.dropped()["spans"] == 0
