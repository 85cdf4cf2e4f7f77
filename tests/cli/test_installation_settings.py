"""The settings of an installation: who changes them, and what is refused before a row is deleted."""

from pathlib import Path

import pytest

from tests.support.process import Spanhouse, run, started_before
from tests.support.stores import dsn

pytestmark = pytest.mark.slow

_OLD = (
    "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, IngestedAt) "
    "SELECT now64(9), 't', 's', now64(3) - INTERVAL 60 DAY"
)
_STORED = "SELECT name, value FROM installation FINAL ORDER BY name"


def test_a_shorter_retention_deletes_rows_only_where_it_is_allowed(tmp_path: Path) -> None:
    where = ("--data-dir", str(started_before(tmp_path)))
    assert run("sql", _OLD, *where).returncode == 0
    for command in (("migrate", "up"), ("up",)):
        refused = run(*command, "--retention-days", "30", *where)
        assert refused.returncode == 1
        assert "--retention-days 30 deletes rows that came from" in refused.stderr
        assert "kept for 90 days now: 1 of agent_spans, 1 of otel_traces" in refused.stderr
        assert "Say --yes to delete them" in refused.stderr
    assert run("sql", "SELECT count() FROM otel_traces", *where).stdout == "1\n"
    allowed = run("migrate", "up", "--retention-days", "30", "--yes", *where)
    assert (allowed.returncode, "deletes rows" in allowed.stderr) == (0, True), "it says so"
    assert run("sql", _STORED, *where).stdout == "retention_days\t30\n"


def test_a_collector_changes_what_it_is_given_and_nothing_else(tmp_path: Path) -> None:
    with Spanhouse.start("engine", data_dir=tmp_path / "engine") as engine:
        flags = ("--clickhouse", dsn(engine), "--retention-days", "365")
        with Spanhouse.start("collector", data_dir=tmp_path / "collector", flags=flags):
            assert engine.sql_text(_STORED) == "retention_days\t365"
        with Spanhouse.start("collector", data_dir=tmp_path / "collector", flags=flags[:2]):
            assert engine.sql_text(_STORED) == "retention_days\t365"
