"""What settling costs, by how much is stored: the same number of touched traces among ever more spans.

The traces are old ones, from everywhere, which is the worst there is: each lies in a granule of its own. (New ones lie
together, in the parts of the latest INSERTs.)
"""

import time
from pathlib import Path

from bench import generated
from bench.report import Figure
from spanhouse_schema import Database, Settings
from spanhouse_schema.clickhouse import migrate
from spanhouse_schema.derive import settling

RUNS = 5
TOUCHED = 1_000
STORED_SPANS = (1_000_000, 10_000_000, 100_000_000)


def measure(directory: Path) -> list[Figure]:
    """Milliseconds of CPU of a settle of 1,000 traces, at 1, 10 and 100 million spans stored: some 15 GB of disk."""
    database = Database.open(Settings.load(data_dir=directory))
    migrate.upgrade(database)
    figures, stored, rounds = [], 0, 0
    for spans in STORED_SPANS:
        traces = spans // generated.SPANS_PER_TRACE
        generated.add_spans(database, stored, traces - stored)
        stored = traces
        # Merges are the load's, not the settle's. The first run is not counted: it reads what nothing has read yet.
        database.command("SYSTEM STOP MERGES")
        runs = [_settle_ms(database, traces, rounds + run) for run in range(RUNS + 1)][1:]
        database.command("SYSTEM START MERGES")
        rounds += RUNS + 1
        figures.append(Figure(f"settle of {TOUCHED:,} traces, {spans // 10**6} M spans stored", "ms of CPU", runs))
    database.close()
    ratios = [largest / smallest for largest, smallest in zip(figures[-1].runs, figures[0].runs, strict=True)]
    return [*figures, Figure("the last / the first", "ratio", ratios)]


def _settle_ms(database: Database, traces: int, round_: int) -> float:
    """Touch some traces from everywhere among those stored, each with a span more, and settle them."""
    generated.touch(database, round_, TOUCHED, traces // TOUCHED - 1, generated.SPANS_PER_TRACE + round_)
    before = time.process_time()
    changed = settling.settle(database, 600.0)
    taken = time.process_time() - before
    database.command("TRUNCATE TABLE spanhouse.touched_traces")
    if changed != TOUCHED:
        raise RuntimeError(f"{changed} traces were settled where {TOUCHED} were touched")
    return taken * 1000
