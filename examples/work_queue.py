"""A run that one process creates and another one runs: created, queued and running are said of one execution."""

from multiprocessing import get_context
from multiprocessing.queues import Queue

import spanhouse


def work(jobs: "Queue[tuple[str, str]]") -> None:
    """Run the jobs that come, each as the run that was announced."""
    spanhouse.init(service="worker")
    while job := jobs.get():
        reference, topic = job
        with spanhouse.agent("researcher", execution=reference) as run:
            run.output(f"All about {topic}")
    spanhouse.shutdown()


if __name__ == "__main__":
    spanhouse.init(service="front-desk")
    processes = get_context("spawn")
    jobs = processes.Queue()
    with spanhouse.session("reading-club", user="u7"):
        run = spanhouse.execution.create("researcher")
        run.status("queued", "two before you")
    jobs.put((run.reference, "otters"))
    jobs.put(())
    print(run.id)
    worker = processes.Process(target=work, args=(jobs,))
    worker.start()
    worker.join()
