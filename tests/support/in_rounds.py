"""Cases that share what is slow: each is a tenant, and a round is one insert and one settling for all of them.

    CASES = Cases[list[Row], None]("days")

    @CASES.case
    def test_a_run_is_counted(database: Database, tenant: str) -> Steps:
        yield [span("a", AGENT)]
        assert stored(database, tenant)

    @pytest.fixture(scope="module")
    def outcomes(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
        return CASES.play(database, settled(database, tmp_path_factory.mktemp("days")), assert_counted)

A case goes on when the round has done what it yielded for. What it fails of fails its own test, and no other.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import pytest

from spanhouse_schema import Database
from spanhouse_schema.derive.settling import settle
from tests.reference import Row
from tests.support.insert_rows import insert

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
Steps = Generator[list[Row]]
"""What comes of a case, request by request."""
Outcomes = dict[str, BaseException | None]
"""What each case failed of, by name."""

_WITHIN_S = 120


def settled(database: Database, directory: Path) -> Callable[[Mapping[str, list[Row]]], None]:
    """A round in which the spans of each tenant come, and are settled."""

    def go(spans: Mapping[str, list[Row]]) -> None:
        insert(database, spans, directory)
        settle(database, _WITHIN_S)

    return go


def unchecked(database: Database, tenant: str) -> None:
    """Find nothing wrong."""


class Cases(Generic[Asked, Answer]):
    """The cases of a module: what each asks of a round, and what it is answered."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._cases: dict[str, Callable[[Database, str], Generator[Asked, Answer]]] = {}

    def case(self, case: Callable[[Database, str], Generator[Asked, Answer]]) -> Callable[[Outcomes], None]:
        """Take a case in, and return the test that fails as it does."""
        name = self._take(case, "", ())

        def test(outcomes: Outcomes) -> None:
            _raise(outcomes[name])

        test.__doc__ = case.__doc__
        return test

    def each(
        self, given: Mapping[str, Sequence[object]]
    ) -> Callable[[Callable[..., Generator[Asked, Answer]]], Callable[[Outcomes, str], None]]:
        """Take a case in for each of these ids, with what is given for it."""

        def take(case: Callable[..., Generator[Asked, Answer]]) -> Callable[[Outcomes, str], None]:
            names = [self._take(case, id_, values) for id_, values in given.items()]

            @pytest.mark.parametrize("name", names, ids=given)
            def test(outcomes: Outcomes, name: str) -> None:
                _raise(outcomes[name])

            test.__doc__ = case.__doc__
            return test

        return take

    def tenants(self) -> list[str]:
        """The tenants that the cases are."""
        return list(map(self._tenant, self._cases))

    def play(
        self,
        database: Database,
        go: Callable[[Mapping[str, Asked]], Answer],
        check: Callable[[Database, str], None] = unchecked,
    ) -> Outcomes:
        """Run all cases side by side to their ends; `check` each after every round that it took part in."""
        outcomes: Outcomes = dict.fromkeys(self._cases)
        running = {name: case(database, self._tenant(name)) for name, case in self._cases.items()}
        asked = _asked(outcomes, {name: partial(next, case) for name, case in running.items()})
        while asked:
            answer = go({self._tenant(name): each for name, each in asked.items()})

            def goes_on(name: str, answer: Answer = answer) -> Asked:
                check(database, self._tenant(name))
                return running[name].send(answer)

            asked = _asked(outcomes, {name: partial(goes_on, name) for name in asked})
        return outcomes

    def _take(self, case: Callable[..., Generator[Asked, Answer]], id_: str, values: Sequence[object]) -> str:
        name = getattr(case, "__name__", "") + (f"[{id_}]" if id_ else "")
        self._cases[name] = lambda database, tenant: case(database, tenant, *values)
        return name

    def _tenant(self, name: str) -> str:
        return f"{self._name}-{name}"


def _asked(outcomes: Outcomes, steps: Mapping[str, Callable[[], Asked]]) -> dict[str, Asked]:
    """What those ask for that go on; what others failed of is noted."""
    asked = {}
    for name, step in steps.items():
        try:
            asked[name] = step()
        except StopIteration:
            pass
        except (Exception, pytest.fail.Exception) as failure:  # noqa: BLE001  # its own test raises it
            outcomes[name] = failure
    return asked


def _raise(failure: BaseException | None) -> None:
    if failure is not None:
        raise failure
