"""How long each test file took, as it was recorded: among several processes the longest begin first.

`make durations` records it anew, into `tests/durations.json`.
"""

import json
from collections import defaultdict
from pathlib import Path

import pytest

_RECORDED = Path(__file__).parents[1] / "durations.json"
_ROOT = _RECORDED.parents[1]


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by how long their files took, so that no core waits for one of them at the end; new ones begin."""
    recorded: dict[str, float] = json.loads(_RECORDED.read_text())
    items.sort(key=lambda item: -recorded.get(item.path.relative_to(_ROOT).as_posix(), float("inf")))


class Recorder:
    """Keeps what the files of this run took, beside what is known of the others."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a test's set-up, call or clean-up."""
        self._seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write them down."""
        known = json.loads(_RECORDED.read_text()) | {file: round(s, 1) for file, s in self._seconds.items()}
        kept = {file: known[file] for file in sorted(known) if (_ROOT / file).exists()}
        _RECORDED.write_text(json.dumps(kept, indent=2) + "\n")
