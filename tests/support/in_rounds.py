"""Cases that share their settlings: each is a tenant, and a round is one insert and one settling for all of them.

    CASES = Cases("days", assert_counted)

    @CASES.case
    def test_a_run_is_counted(database: Database, tenant: str) -> Steps:
        yield [span("a", AGENT)]
        assert stored(database, tenant)

    @pytest.fixture(scope="module")
    def outcomes(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
        return CASES.play(database, tmp_path_factory.mktemp("days"))

A case goes on when what it yielded has been settled. What it fails of fails its own test, and no other.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from spanhouse_schema import Database
from spanhouse_schema.derive.settling import settle
from tests.reference import Row
from tests.support.insert_rows import insert

Steps = Iterator[list[Row]]
"""What comes of a case, request by request."""
Case = Callable[[Database, str], Steps]
Outcomes = dict[str, Exception | None]
"""What each case failed of, by name."""

_WITHIN_S = 120
_T = TypeVar("_T")


class Cases:
    """The cases of a module. `check` fails where something is wrong with what stands there of a tenant."""

    def __init__(self, name: str, check: Callable[[Database, str], None]) -> None:
        self._name = name
        self._check = check
        self._cases: dict[str, Case] = {}

    def case(self, case: Case) -> Callable[[Outcomes], None]:
        """Take a case in, and return the test that fails as it does."""
        name = getattr(case, "__name__", "")
        self._cases[name] = case

        def test(outcomes: Outcomes) -> None:
            failure = outcomes[name]
            if failure is not None:
                raise failure

        test.__doc__ = case.__doc__
        return test

    def play(self, database: Database, directory: Path) -> Outcomes:
        """Run all cases side by side to their ends."""
        outcomes: Outcomes = dict.fromkeys(self._cases)

        def attempt(name: str, step: Callable[[], _T]) -> _T | None:
            try:
                return step()
            except Exception as failure:  # noqa: BLE001  # its own test raises it
                outcomes[name] = failure
                return None

        tenants = {name: f"{self._name}-{name}" for name in self._cases}
        running = {name: case(database, tenants[name]) for name, case in self._cases.items()}
        while running:
            requests = {name: attempt(name, partial(next, steps, None)) for name, steps in running.items()}
            going_on = {tenants[name]: rows for name, rows in requests.items() if rows is not None}
            insert(database, going_on, directory)
            settle(database, _WITHIN_S)
            for name in running:
                if tenants[name] in going_on:
                    attempt(name, partial(self._check, database, tenants[name]))
            running = {
                name: steps for name, steps in running.items() if tenants[name] in going_on and outcomes[name] is None
            }
        return outcomes
