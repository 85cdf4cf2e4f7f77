"""How long each test file took, as it was recorded: the longest begin first, and `make check` runs the quick ones.

`make durations` records it anew, into `tests/durations.json`.
"""

import json
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

_RECORDED = Path(__file__).parents[1] / "durations.json"
_ROOT = _RECORDED.parents[1]
_QUICK_S = 5.0


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by how long their files took, so that no core waits for one of them at the end; new ones begin."""
    recorded = _recorded()
    items.sort(key=lambda item: -recorded.get(_file(item), float("inf")))


def is_quick(item: pytest.Item) -> bool:
    """Return whether a test is not marked slow, and in a file that took a few seconds at most, or is new."""
    return not item.get_closest_marker("slow") and _recorded().get(_file(item), 0.0) <= _QUICK_S


class Recorder:
    """Keeps what the files of this run took, beside what is known of the others."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a test's set-up, call or clean-up."""
        self._seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write them down."""
        known = _recorded() | {file: round(s, 1) for file, s in self._seconds.items()}
        kept = {file: known[file] for file in sorted(known) if (_ROOT / file).exists()}
        _RECORDED.write_text(json.dumps(kept, indent=2) + "\n")


@cache
def _recorded() -> dict[str, float]:
    recorded: dict[str, float] = json.loads(_RECORDED.read_text())
    return recorded


def _file(item: pytest.Item) -> str:
    return item.path.relative_to(_ROOT).as_posix()
