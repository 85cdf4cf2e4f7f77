"""A run that takes a step for each line of its input, and prints each once it is sent. sys.argv: a service, a URL."""

import sys
from collections.abc import Iterator

import spanhouse


def steps() -> Iterator[str]:
    """Yield the name of each step after it."""
    run = spanhouse.execution.create("planner")
    yield "created"
    run.status("queued", "behind two others")
    yield "queued"
    with spanhouse.agent("planner", execution=run) as planner:
        yield "running"
        planner.progress(0.5, tasks_completed=1, tasks_total=2, message="half")
        yield "progress"
        with planner.blocked("human", "may I book it?"):
            yield "blocked"
        yield "unblocked"
        planner.status("paused")
        yield "paused"
        planner.status("running")
        planner.heartbeat(expires_in_s=1)
        yield "heartbeat"
        sys.stdin.read()


service, url = sys.argv[1:]
spanhouse.init(service, endpoint=url, instrument=False)
for _, step in zip(sys.stdin, steps(), strict=False):
    print(step if spanhouse.flush() else "nothing arrived", flush=True)
