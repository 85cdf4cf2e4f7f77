"""`spanhouse sql` and `spanhouse engine`, as processes."""

import json
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.process import Spanhouse, run
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["through the door", "on a server", "in the directory"])
def where(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[list[str]]:
    """The flags with which `spanhouse sql` finds the data, in each of its three ways."""
    data_dir = tmp_path_factory.mktemp("sql") / "data"
    engine = Spanhouse.start("engine", data_dir=data_dir)
    address = engine.sql.removeprefix("http://")
    with engine:
        if request.param == "through the door":
            yield ["--data-dir", str(data_dir)]
        elif request.param == "on a server":
            yield ["--clickhouse", f"clickhouse://default:{engine.admin_key}@{address}/spanhouse"]
        else:
            assert engine.stop() == 0
            yield ["--data-dir", str(data_dir)]


def test_it_prints_the_result(where: list[str]) -> None:
    ended = run("sql", *where, "SELECT 1, 'x'")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "1\tx\n", "")


def test_it_takes_the_statement_from_standard_input(where: list[str]) -> None:
    assert run("sql", *where, stdin="SELECT count() FROM otel_traces\n").stdout == "0\n"


def test_it_knows_every_format(where: list[str]) -> None:
    lines = run("sql", *where, "--json", "SELECT number AS n FROM numbers(2)").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [{"n": 0}, {"n": 1}]
    assert "│ 1 │" in run("sql", *where, "--format", "PrettyCompact", "SELECT 1 AS a").stdout


def test_it_inserts_rows_from_standard_input(where: list[str]) -> None:
    rows = "\n".join(f"{number:032x}" for number in range(1000))
    assert run("sql", *where, "INSERT INTO otel_logs (TraceId) FORMAT CSV", stdin=rows).returncode == 0
    assert run("sql", *where, "SELECT uniqExact(TraceId) FROM otel_logs").stdout == "1000\n"


def test_values_are_parameters(where: list[str]) -> None:
    ended = run("sql", *where, "--param", "x=it's", "--param", "n=2", "SELECT {x:String}, {n:UInt8} + 1")
    assert ended.stdout == "it\\'s\t3\n"


def test_an_error_is_clickhouses_and_the_exit_code_1(where: list[str]) -> None:
    ended = run("sql", *where, "SELECT nope")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("spanhouse sql: Code: 47. DB::Exception: ")


def test_an_error_in_the_middle_is_told_too(where: list[str]) -> None:
    ended = run("sql", *where, "SELECT number, throwIf(number = 3000000, 'boom') FROM numbers(4000000)")
    assert ended.returncode == 1
    assert ended.stdout.startswith("0\t0\n1\t0\n")
    assert "exception" not in ended.stdout
    assert "Code: 395. DB::Exception: boom" in ended.stderr


@pytest.mark.parametrize("arguments", [["--param", "x", "SELECT 1"], ["--nope"], []])
def test_wrong_use_is_exit_code_2(arguments: list[str]) -> None:
    assert run("sql", *arguments).returncode == 2


def test_a_directory_without_data_is_not_made(tmp_path: Path) -> None:
    ended = run("sql", "--data-dir", str(tmp_path / "typo"), "SELECT 1")
    assert ended.returncode == 1
    assert "there is no database in" in ended.stderr
    assert not (tmp_path / "typo").exists()


def test_a_server_that_is_not_there_is_told() -> None:
    ended = run("sql", "--clickhouse", "clickhouse://default:x@127.0.0.1:1/spanhouse", "SELECT 1")
    assert ended.returncode == 1
    assert "nothing answers on 127.0.0.1:1" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_engine_says_where_it_listens_and_stops_cleanly(tmp_path: Path, number: int) -> None:
    with Spanhouse.start("engine", data_dir=tmp_path / "data") as engine:
        until(lambda: engine.sql in engine.log())
        assert engine.sql_text("SELECT count() FROM otel_logs") == "0"
        assert engine.stop(number) == 0
        assert "Traceback" not in engine.log()


def test_a_second_engine_on_the_directory_is_refused(tmp_path: Path) -> None:
    with Spanhouse.start("engine", data_dir=tmp_path / "data") as engine:
        ended = run("engine", "--data-dir", str(engine.data_dir), "--sql", "127.0.0.1:0")
        assert ended.returncode == 1
        assert f"already open in process {engine.process.pid}" in ended.stderr


@pytest.fixture(scope="module")
def data_dir(where: list[str]) -> list[str]:
    """Where to find the data, unless that is a server."""
    if where[0] != "--data-dir":
        pytest.skip("a server decides by itself what a key may run")
    return where


def test_it_says_which_rule_denies_a_statement_to_a_reader(data_dir: list[str]) -> None:
    ended = run("sql", *data_dir, "--explain-denied", "SELECT file('/etc/passwd')")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout == "denied by the rule 'function': the function file may not be called by readers\n"


def test_it_says_as_what_an_allowed_statement_would_run(data_dir: list[str]) -> None:
    ended = run("sql", *data_dir, "--explain-denied", "--json", "SELECT /* this */ 1 FORMAT CSV")
    assert ended.returncode == 0
    assert json.loads(ended.stdout) == {"allowed": True, "runs": "SELECT 1", "rule": "", "subject": "", "reason": ""}


def test_a_server_is_not_asked_what_it_would_deny(where: list[str]) -> None:
    if where[0] == "--clickhouse":
        ended = run("sql", *where, "--explain-denied", "SELECT 1")
        assert ended.returncode == 1
        assert "a ClickHouse server decides by itself" in ended.stderr
