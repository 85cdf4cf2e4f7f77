"""Work in a thread, and in an executor that two runs share. sys.argv: a URL."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import spanhouse


def work(name: str) -> None:
    """Call a tool."""
    with spanhouse.tool(name):
        pass


spanhouse.init(endpoint=sys.argv[1], instrument=False)
with ThreadPoolExecutor(1) as pool:
    with spanhouse.agent("first"):
        thread = threading.Thread(target=work, args=("in a thread",))
        thread.start()
        thread.join()
        pool.submit(work, "of the first").result()
    with spanhouse.agent("second"):
        pool.submit(work, "of the second").result()
    pool.submit(work, "of nobody").result()
