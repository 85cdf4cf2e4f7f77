"""The command line's frame: help, exit codes, errors."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spanhouse_server.commands import COMMANDS
from tests.cli.conftest import Result
from tests.support.process import environment, run, started_before

Call = Callable[..., Result]

GROUPS = {
    "keys": ("create", "list", "revoke"),
    "migrate": ("up", "down", "status"),
    "dead-letter": ("list", "show", "retry", "drop"),
}


def test_help_lists_every_command(call: Call) -> None:
    result = call("--help")
    assert result.code == 0
    assert all(f"  {name}" in result.out and summary in result.out for name, summary in COMMANDS.items())
    assert call() == result


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(call: Call, name: str) -> None:
    result = call(name, "--help")
    assert (result.code, result.err) == (0, "")
    assert f"Usage: spanhouse {name}" in result.out
    assert all(f" {command} " in result.out for command in GROUPS.get(name, ()))


@pytest.mark.parametrize(
    ("command", "has", "lacks"),
    [
        (
            "engine",
            ("--reader-seconds", "--cors-origins", "--tls-cert", "--retention-days"),
            ("--otlp-http", "--spool-limit"),
        ),
        ("collector", ("--otlp-http", "--spool-limit", "--timezone"), ("--reader-seconds", "--sql", "--engine-memory")),
        ("rebuild", ("--data-dir", "--clickhouse"), ("--timezone", "--retention-days", "--engine-memory")),
        ("sql", ("--data-dir", "--clickhouse"), ("--timezone", "--retention-days", "--engine-memory")),
    ],
)
def test_a_command_has_the_flags_that_it_uses(
    call: Call, command: str, has: tuple[str, ...], lacks: tuple[str, ...]
) -> None:
    shown = call(command, "--help").out.split()
    assert set(has) <= set(shown)
    assert set(lacks).isdisjoint(shown)


def test_a_mistyped_command_is_wrong_use_and_names_the_nearest(call: Call) -> None:
    assert call("doctro") == (2, "", "spanhouse: there is no command 'doctro'; did you mean `doctor`?\n")
    assert call("xyzzy") == (2, "", "spanhouse: there is no command 'xyzzy'; `spanhouse --help` lists them\n")


def test_the_version_is_told(call: Call) -> None:
    assert call("--version").out.startswith("spanhouse ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "create", "--tenant", "acme"),
        ("keys", "create", "--tenant", "acme", "--scope", "everything"),
        ("keys", "list", "--data-dri", "x"),
        ("up", "--otlp-http", "4318"),
        ("up", "--retention-days", "soon"),
        ("up", "--request-limit", "big"),
        ("collector",),
        ("demo", "--for", "long"),
        ("demo", "--endpoint", "localhost"),
        ("dead-letter", "drop"),
    ],
)
def test_wrong_use_is_exit_code_2_and_says_how(call: Call, arguments: tuple[str, ...]) -> None:
    result = call(*arguments)
    assert result.code == 2
    assert f"Usage: spanhouse {arguments[0]}" in result.err


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_process_that_loads_one_command_loads_all_that_it_needs(name: str) -> None:
    result = run(name, "--help", fresh=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"Usage: spanhouse {name}" in result.stdout


@pytest.mark.slow
def test_a_failure_is_exit_code_1_and_one_line_in_a_real_process(tmp_path: Path) -> None:
    result = run("keys", "revoke", "nope", "--data-dir", str(started_before(tmp_path)), fresh=True)
    assert result.returncode == 1
    assert result.stderr == "spanhouse keys: no key has the id 'nope'; `spanhouse keys list` shows them all\n"


@pytest.mark.slow
def test_a_reader_that_has_had_enough_ends_it_quietly(tmp_path: Path) -> None:
    command = f"{sys.executable} -m spanhouse.cli migrate --sql | head -1"
    result = _shell(command, tmp_path)
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 1


def _shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], cwd=cwd, capture_output=True, text=True, timeout=60, check=False, env=environment()
    )
