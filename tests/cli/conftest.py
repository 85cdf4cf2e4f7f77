"""Ways to run the command line: within the test's process, which is fast, and a shared `spanhouse up`."""

from collections.abc import Callable, Generator
from typing import NamedTuple

import pytest

from spanhouse.cli import main
from tests.support.process import Spanhouse


class Result(NamedTuple):
    """What a command ended with, and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command in this process, and return what became of it."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ending:
            code = int(ending.code or 0)
        return Result(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Generator[Spanhouse]:
    """One `spanhouse up` without keys, shared: tests tell their spans apart by name, and leave no key behind."""
    with Spanhouse.start("up", data_dir=tmp_path_factory.mktemp("up") / "data") as running:
        yield running
