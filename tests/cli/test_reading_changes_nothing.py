"""A command that reads changes nothing: no object, no row, no file, whatever the shell that it runs in has set."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from spanhouse_server.commands import COMMANDS
from tests.cli.conftest import Result
from tests.cli.letters import write_letter
from tests.support.process import Spanhouse, run, started_before

# What each command that reads is given here; `keys list` and its like need nothing.
READS: dict[str, tuple[str, ...]] = {
    "audit": (),
    "budgets list": (),
    "conventions suggest": (),
    "dead-letter list": (),
    "dead-letter show": ("000000000001",),
    "doctor": (),
    "keys list": (),
    "migrate status": (),
    "prices list": (),
    "prices unpriced": (),
    "sql": ("SELECT count() FROM otel_traces",),
}
WRITES = {
    *("up", "engine", "collector", "demo", "rebuild", "migrate up", "migrate down", "dead-letter drop"),
    *("dead-letter retry", "budgets set", "budgets clear", "keys create", "keys revoke"),
    *("prices set", "prices unset", "prices sync"),
}
# A shell that would have the installation otherwise.
OTHERWISE = {
    "SPANHOUSE_RETENTION_DAYS": "1",
    "SPANHOUSE_SQL_AUDIT_RETENTION_DAYS": "1",
    "SPANHOUSE_TIMEZONE": "Asia/Tokyo",
    "SPANHOUSE_DEFAULT_BUDGET_USD": "1",
    "SPANHOUSE_ENGINE_MEMORY": "1GiB",
}
# Objects and rows, each table's as one hash.
_OBJECTS = """
    SELECT name, create_table_query FROM system.tables WHERE database = 'spanhouse'
    UNION ALL SELECT name, create_query FROM system.functions WHERE origin = 'SQLUserDefined' ORDER BY name
"""
_TABLES = "SELECT name FROM system.tables WHERE database = 'spanhouse' AND engine LIKE '%MergeTree' ORDER BY name"
_SPANS = """
    INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanAttributes, TenantId, IngestedAt)
    SELECT moment, concat('t', toString(days)), 's', map(
        'gen_ai.operation.name', 'chat', 'gen_ai.provider.name', 'openai', 'gen_ai.response.model', 'gpt-4o-mini',
        'gen_ai.usage.input_tokens', '1000'
    ), 'default', moment
    FROM (SELECT arrayJoin([0, 200]) AS days, now64(3) - toIntervalDay(days) AS moment)
"""


def test_every_command_is_known_to_read_or_to_write() -> None:
    assert sorted(_every_command()) == sorted([*READS, *WRITES])


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation of its own kind, with rows of today and of 200 days ago, that no process holds."""
    data_dir = started_before(tmp_path_factory.mktemp("installation") / "data")
    for command in (
        ("migrate", "up", "--retention-days", "365", "--timezone", "Europe/Berlin", "--default-budget-usd", "7"),
        ("keys", "create", "--tenant", "acme", "--scope", "read"),
        ("sql", _SPANS),
        ("budgets", "set", "3", "--per", "month"),
        ("prices", "set", "openai", "gpt-4o-mini", "--input", "2"),
        ("rebuild", "--all"),
    ):
        done = run(*command, "--data-dir", str(data_dir))
        assert done.returncode == 0, done.stderr
    write_letter(data_dir, "dead", "000000000001-00")
    return data_dir


@pytest.mark.slow
def test_a_command_that_reads_leaves_objects_rows_and_files_as_they_are(installation: Path) -> None:
    files, stored = _files(installation), _database(installation)
    assert "\notel_traces\t2\t" in stored[1]
    for command, arguments in READS.items():
        done = run(*command.split(), *arguments, "--data-dir", str(installation), env=OTHERWISE)
        assert done.returncode == 0 or command == "doctor", f"{command}: {done.stderr}"
        assert _files(installation) == files, command
    assert _database(installation) == stored


@pytest.mark.slow
def test_an_installation_that_was_copied_elsewhere_is_read_there(installation: Path, tmp_path: Path) -> None:
    copied = tmp_path / "elsewhere"
    shutil.copytree(installation, copied, symlinks=True)
    files = _files(copied)
    assert _sql(copied, "SELECT count() FROM otel_traces") == "2\n"
    assert _files(copied) == files


@pytest.mark.slow
@pytest.mark.parametrize("command", [name for name in READS if not name.startswith("dead-letter")])
def test_beside_a_running_process_too(up: Spanhouse, command: str) -> None:
    before = up.sql_text(f"{_OBJECTS} FORMAT TSVRaw"), up.sql_text("SELECT * FROM installation")
    run(*command.split(), *READS[command], "--data-dir", str(up.data_dir), env=OTHERWISE)
    assert (up.sql_text(f"{_OBJECTS} FORMAT TSVRaw"), up.sql_text("SELECT * FROM installation")) == before


@pytest.mark.parametrize("command", READS)
def test_where_there_is_nothing_it_makes_nothing_and_names_the_command_to_begin_with(
    call: Callable[..., Result], tmp_path: Path, command: str
) -> None:
    done = call(*command.split(), *READS[command], "--data-dir", tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []
    if command not in {"dead-letter list", "dead-letter show"}:
        assert "spanhouse " in done.out + done.err


def _every_command() -> Iterator[str]:
    for name in COMMANDS:
        command = get_command(import_module(f"spanhouse_server.commands.{name.replace('-', '_')}").app)
        if isinstance(command, TyperGroup):
            yield from (f"{name} {each}" for each in command.commands)
        else:
            yield name


def _files(data_dir: Path) -> Mapping[str, tuple[int, str]]:
    """Mode and content of each file and folder, outside of the engine's own store."""
    return {
        str(path.relative_to(data_dir)): (
            path.stat().st_mode,
            sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in data_dir.rglob("*")
        if "engine" not in path.relative_to(data_dir).parts
    }


def _database(data_dir: Path) -> tuple[str, str]:
    """What each object is; and of each table how many rows it has, and their hash."""
    tables = _sql(data_dir, _TABLES).split()
    hashes = " UNION ALL ".join(f"SELECT '{table}', count(), sum(cityHash64(*)) FROM {table}" for table in tables)
    return _sql(data_dir, _OBJECTS), _sql(data_dir, f"SELECT * FROM ({hashes}) ORDER BY 1")


def _sql(data_dir: Path, statement: str) -> str:
    done = run("sql", statement, "--format", "TSVRaw", "--data-dir", str(data_dir))
    assert done.returncode == 0, done.stderr
    return done.stdout
