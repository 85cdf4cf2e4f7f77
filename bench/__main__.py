"""`python -m bench`: measure everything, print a table, write `bench/results/latest.json`."""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import (
    days,
    door,
    end_to_end,
    executions,
    history,
    insert,
    latency,
    memory,
    rebuild,
    sdk,
    sdk_calls,
    sdk_redaction,
    settle,
    sizes,
)
from bench.report import Figure, publish

PARTS: dict[str, Callable[[Path], list[Figure]]] = {
    "insert": insert.measure,
    "end-to-end": end_to_end.measure,
    "latency": latency.measure,
    "door": door.measure,
    "executions": executions.measure,
    "history": history.measure,
    "days": days.measure,
    "sdk": sdk.measure,
    "sdk-calls": sdk_calls.measure,
    "sdk-redaction": sdk_redaction.measure,
    "rebuild": rebuild.measure,
    "settle": settle.measure,
    "sizes": sizes.measure,
    "memory": memory.measure,
}
LONG = ("history", "days", "rebuild", "settle", "sizes", "memory")


def main() -> None:
    """Measure the parts that were named, or all but the `LONG` ones, which take tens of minutes."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all but {', '.join(LONG)} by default"
    )
    parser.add_argument("--output", type=Path, default=Path("bench/results/latest.json"))
    arguments = parser.parse_args()
    parts = arguments.parts or [name for name in PARTS if name not in LONG]
    if unknown := set(parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory(prefix="spanhouse-bench-") as directory:
        figures = [figure for name in parts for figure in PARTS[name](Path(directory) / name)]
    publish(figures, arguments.output)


if __name__ == "__main__":
    main()
