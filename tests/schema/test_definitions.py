"""Functions and views are what their files say, in a database that was made by others too."""

import shutil
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pytest

from spanhouse_schema import Database, Settings
from spanhouse_schema.clickhouse import definitions, migrate, sql_files
from tests.support.own_process import call
from tests.support.schema_objects import objects

SQL = Path(sql_files.__file__).parents[1] / "sql"
UTC, BERLIN = "UTC", "Europe/Berlin"
OF_TODAY = ["budget_limits_now", "budget_verdicts"]


def _apply(database: Database, timezone: str = UTC, usd: str = "5") -> list[str]:
    return definitions.apply(database, timezone=timezone, default_budget_usd=Decimal(usd))


def _changed_files(directory: Path, changes: dict[str, tuple[str, str]]) -> Path:
    """A copy of `sql/` in which these files have one text for another."""
    copy = directory / "sql"
    shutil.copytree(SQL, copy)
    for name, (before, after) in changes.items():
        file = copy / name
        text = file.read_text(encoding="utf-8") if file.exists() else before
        assert before in text, name
        file.write_text(text.replace(before, after), encoding="utf-8")
    return copy


def _changes(database: Database, sql: Path) -> list[str]:
    with patch.object(sql_files, "_SQL", sql):
        return _apply(database)


def test_nothing_is_made_again_that_is_as_its_file_says(database: Database) -> None:
    before = objects(database)
    assert _apply(database) == []
    assert objects(database) == before


def test_a_changed_view_reaches_a_database_that_is_there_with_the_views_that_read_it(
    database: Database, tmp_path: Path
) -> None:
    before = objects(database)
    sql = _changed_files(
        tmp_path, {"views/budget_limits_now.sql": ("AS limit_usd\nFROM", "AS limit_usd, 7 AS seven\nFROM")}
    )
    assert _changes(database, sql) == OF_TODAY
    assert database.rows("SELECT any(seven) FROM spanhouse.budget_limits_now") in ([(7,)], [(0,)])
    assert _apply(database) == OF_TODAY
    assert objects(database) == before


def test_a_changed_function_reaches_the_views_that_call_it(database: Database, tmp_path: Path) -> None:
    """Through another function too: ClickHouse inlines them into a view when it is made."""
    before = objects(database)
    sql = _changed_files(
        tmp_path,
        {"functions/otlp_functions.sql": ("concat('\"', base64Encode(", "concat('\"!', base64Encode(")},
    )
    changed = _changes(database, sql)
    assert changed[:3] == ["otlp_json", "otlp_texts", "otlp_attributes"]
    assert {"otlp_scope_spans_mv", "otel_traces_mv", "otel_logs_mv"} <= set(changed)
    assert "'\"!'" in objects(database)["otel_traces_mv"]
    assert _apply(database) == changed
    assert objects(database) == before


def test_a_materialized_view_is_changed_without_being_dropped(database: Database, tmp_path: Path) -> None:
    query = "SELECT uuid::String FROM system.tables WHERE name = 'touched_traces_mv'"
    uuid = database.rows(query)
    sql = _changed_files(
        tmp_path, {"materialized_views/touched_traces_mv.sql": ("toUInt32(count())", "toUInt32(count() + 1)")}
    )
    assert _changes(database, sql) == ["touched_traces_mv"]
    assert "count() + 1" in objects(database)["touched_traces_mv"]
    assert database.rows(query) == uuid
    assert _apply(database) == ["touched_traces_mv"]


def test_a_definition_is_dropped_when_its_file_has_gone(database: Database, tmp_path: Path) -> None:
    before = objects(database)
    sql = _changed_files(
        tmp_path,
        {
            "views/of_the_past.sql": (
                "",
                "-- A view.\nCREATE OR REPLACE VIEW spanhouse.of_the_past AS SELECT past();\n",
            ),
            "functions/past_functions.sql": ("", "-- A function.\nCREATE OR REPLACE FUNCTION past AS () -> 1;\n"),
        },
    )
    assert _changes(database, sql) == ["past", "of_the_past"]
    assert database.rows("SELECT * FROM spanhouse.of_the_past") == [(1,)]
    assert sorted(_apply(database)) == ["of_the_past", "past"]
    assert objects(database) == before


def test_a_view_that_somebody_dropped_is_made_again(database: Database) -> None:
    before = objects(database)
    database.command("DROP VIEW spanhouse.llm_calls")
    database.command("DROP VIEW spanhouse.otel_logs_mv")
    assert _apply(database) == ["otel_logs_mv", "llm_calls"]
    assert objects(database) == before


def test_the_time_zone_goes_there_and_back_in_every_view(database: Database) -> None:
    before = objects(database)
    changed = _apply(database, BERLIN)
    of_days = {"tenant_budget_daily", "agent_budget_daily"}
    assert {*OF_TODAY, *of_days, "agent_budget", "budget_moments", "budget_limit_of_day"} == set(changed)
    there = objects(database)
    assert {"budget_limits_now", "budget_verdicts", *of_days} <= {name for name in there if BERLIN in there[name]}
    assert _apply(database, UTC) == changed
    assert objects(database) == before


def test_the_default_budget_is_what_the_installation_says(database: Database) -> None:
    assert "budget_default" in _apply(database, usd="0.1")
    assert database.rows("SELECT toString(budget_default())") == [("0.1",)]
    assert "budget_default" in _apply(database)
    assert database.rows("SELECT toString(budget_default())") == [("5",)]


def _broken_off(database: Database, after: int, timezone: str) -> bool:
    """Whether making the definitions was broken off, after so many statements."""
    command, left = Database.command, after

    def until_it_dies(database: Database, sql: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        command(database, sql)

    with patch.object(Database, "command", until_it_dies):
        try:
            _apply(database, timezone)
        except KeyboardInterrupt:
            return True
    return False


@pytest.mark.parametrize("then", [UTC, BERLIN])
def test_what_was_broken_off_anywhere_is_done_or_undone_by_the_next(database: Database, then: str) -> None:
    before = objects(database)
    _apply(database, then)
    wanted = objects(database)
    _apply(database)
    after = 0
    while _broken_off(database, after, BERLIN):
        _apply(database, then)
        assert objects(database) == wanted, after
        _apply(database)
        assert objects(database) == before, after
        after += 1
    assert after > len(OF_TODAY)
    _apply(database)


def _in_a_database_without_any(directory: Path) -> list[str]:
    database = Database.open(Settings.load(data_dir=directory))
    migrate.upgrade_tables(database)
    assert not {"otel_traces_mv", "llm_calls", "otlp_map"} & objects(database).keys()
    return _apply(database)


def test_they_may_be_made_alone_each_after_what_it_uses(tmp_path: Path) -> None:
    made = call(_in_a_database_without_any, tmp_path)
    assert len(made) == len(set(made)) > 60
    assert made.index("otlp_texts") < made.index("otlp_attributes") < made.index("otlp_scope_spans_mv")
    assert made.index("budget_limits_now") < made.index("agent_budget")
