"""Each field of docs/records.md, said through the SDK and read in SQL: OTLP, the collector, the embedded engine."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic import BaseModel

import spanhouse
from spanhouse import budget, outputs
from tests.schema.records import METRICS
from tests.sdk.budget_api import SPENT, BudgetApi, serving
from tests.sdk.conftest import recording_to
from tests.sdk.triage import TRIAGE
from tests.support.process import Spanhouse
from tests.support.waiting import until

pytestmark = pytest.mark.slow


class Report(BaseModel):
    """Any model of one's own."""

    schema_version: ClassVar[str] = "7"

    text: str


LONG = "größer " * 300_000


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spanhouse]:
    with Spanhouse.start("up", data_dir=tmp_path_factory.mktemp("records") / "data") as up, serving() as api:
        budget.configure(api.url)
        _live(up, api)
        budget.configure()
        until(lambda: len(_rows(up, "agent_outputs", "length(output) AS size", "notEmpty(execution_id)")) == 2, 60)
        yield up


def _live(up: Spanhouse, api: BudgetApi) -> None:
    """A research cycle, a survey and a triage, in all that may be said of them."""
    spans = BatchSpanProcessor(OTLPSpanExporter(f"{up.http}/v1/traces"))
    logs = BatchLogRecordProcessor(OTLPLogExporter(f"{up.http}/v1/logs"))
    with recording_to(spans, logs):
        _research(api)
        _survey()
        _triage()
    spans.shutdown()  # type: ignore[no-untyped-call]  # the SDK forgot its annotation
    logs.shutdown()  # type: ignore[no-untyped-call]  # see above


def _research(api: BudgetApi) -> None:
    with spanhouse.session("cycle-42", user="u7", client_account="acme", engagement="e-1") as cycle:
        budget.refresh()
        assert spanhouse.trigger("start_new_cycle", context={"queue": 2}, agent="researcher")
        cycle.phase("designing")
        cycle.strategy("momentum", config={"window": 20}, file="strategies/momentum.yaml")
        with spanhouse.agent("researcher"):
            cycle.phase("training")
            cycle.operation("op-1")
    with spanhouse.session("cycle-42") as cycle:
        cycle.operation("op-2")
        cycle.training_results({"loss": 0.31})
        cycle.backtest_results('{"sharpe": 1.5}')
        cycle.metrics(METRICS)
        cycle.assess(False, "too few trades", {"sharpe": 1.5})
        cycle.complete("failed_backtest_gate", failure_reason="too few trades", gate_failed="backtest")
        api.body = SPENT
        budget.refresh()
        assert not spanhouse.trigger("backtest_failed")


def _survey() -> None:
    with spanhouse.session(client_account="acme", engagement="e-1"), spanhouse.agent("surveyor"):
        pattern = spanhouse.pattern(
            "p-1",
            type="dependency",
            name="cycles",
            description="two servers wait for each other",
            confidence=0.75,
            evidence=["a text", {"server": 7}],
            insight_type="risk",
            execution_context={"wave": 2},
            task="task-1",
        )
        spanhouse.pattern("p-1", evidence="a third")
    pattern.referenced()
    spanhouse.pattern_referenced("p-1")
    pattern.feedback(0.5, "half true")
    spanhouse.feedback("p-1", 1)


def _triage() -> None:
    with spanhouse.session(client_account="acme", engagement="e-1", case="case-9"), spanhouse.agent("triage"):
        outputs.record(TRIAGE)

    @spanhouse.agent("reporter")
    def report() -> Report:
        return Report(text=LONG)

    report()


def _rows(up: Spanhouse, view: str, columns: str = "*", where: str = "true") -> list[dict[str, Any]]:
    text = up.sql_text(f"SELECT {columns} FROM {view} WHERE {where} ORDER BY ALL FORMAT JSONEachRow")
    return [json.loads(row) for row in text.splitlines()]


def _row(up: Spanhouse, view: str, columns: str, where: str = "true") -> dict[str, Any]:
    (row,) = _rows(up, view, columns, where)
    return row


def test_a_session_is_in_sql_with_all_that_was_said(up: Spanhouse) -> None:
    session = _row(up, "agent_sessions", "* EXCEPT (created_at, updated_at, completed_at)", "id = 'cycle-42'")
    assert session == {
        "tenant_id": "default",
        "id": "cycle-42",
        "agent_id": "",
        "agent_name": "researcher",
        "user_id": "u7",
        "client_account_id": "acme",
        "engagement_id": "e-1",
        "phase": "idle",
        "strategy_name": "momentum",
        "strategy_config": '{"window": 20}',
        "strategy_file_path": "strategies/momentum.yaml",
        "operation_ids": ["op-1", "op-2"],
        "training_results": '{"loss": 0.31}',
        "backtest_results": '{"sharpe": 1.5}',
        "assessment": '{"passed": false, "explanation": "too few trades", "metrics": {"sharpe": 1.5}}',
        "assessment_passed": False,
        "assessment_explanation": "too few trades",
        "assessment_metrics": '{"sharpe":1.5}',
        "outcome": "failed_backtest_gate",
        "failure_reason": "too few trades",
        "gate_failed": "backtest",
        "metrics": METRICS,
        "executions": 1,
        "total_tokens_in": None,
        "total_tokens_out": None,
        "estimated_cost_usd": None,
    }


def test_the_metrics_of_a_session_are_in_sql(up: Spanhouse) -> None:
    columns = [name for name in METRICS if name != "sortino"]
    metrics = _row(
        up, "agent_metrics", f"{', '.join(columns)}, metrics, outcome, gate_failed, duration_seconds > 0 AS went"
    )
    assert metrics == {
        **{name: METRICS[name] for name in columns},
        "metrics": METRICS,
        "outcome": "failed_backtest_gate",
        "gate_failed": "backtest",
        "went": 1,
    }


def test_triggers_are_in_sql_with_what_the_budget_said(up: Spanhouse) -> None:
    columns = "* EXCEPT (id, triggered_at, `when`, trace_id)"
    skipped, invoked = _rows(up, "agent_triggers", columns)
    shared = {"tenant_id": "default", "session_id": "cycle-42", "agent_id": ""}
    assert invoked == {
        **shared,
        "reason": "start_new_cycle",
        "context": '{"queue": 2}',
        "agent_invoked": True,
        "skip_reason": None,
        "budget_used_usd": 1.25,
        "budget_remaining_usd": 3.75,
        "agent_name": "researcher",
        "user_id": "u7",
        "client_account_id": "acme",
        "engagement_id": "e-1",
    }
    assert skipped == {
        **shared,
        "reason": "backtest_failed",
        "context": None,
        "agent_invoked": False,
        "skip_reason": "budget_exceeded",
        "budget_used_usd": 2.53,
        "budget_remaining_usd": 0,
        "agent_name": "",
        "user_id": "",
        "client_account_id": "",
        "engagement_id": "",
    }


def test_a_pattern_is_in_sql_with_its_evidence_and_its_judgements(up: Spanhouse) -> None:
    pattern = _row(
        up, "agent_discovered_patterns", "* EXCEPT (created_at, last_used_at), last_used_at >= created_at AS used"
    )
    assert pattern == {
        "tenant_id": "default",
        "pattern_id": "p-1",
        "type": "dependency",
        "name": "cycles",
        "description": "two servers wait for each other",
        "confidence_score": 0.75,
        "evidence_count": 3,
        "evidence_items": ["a text", '{"server": 7}', "a third"],
        "times_referenced": 2,
        "effectiveness_score": 0.75,
        "insight_type": "risk",
        "execution_context": '{"wave": 2}',
        "user_feedback_given": 1,
        "user_feedback_score": 1,
        "user_feedback_comments": ["half true"],
        "discovered_by": "surveyor",
        "task_id": "task-1",
        "client_account_id": "acme",
        "engagement_id": "e-1",
        "used": 1,
    }


def test_a_typed_output_is_in_sql_whole(up: Spanhouse) -> None:
    of_triage = _row(
        up,
        "agent_outputs",
        "schema_version, output, is_json, agent_name, client_account_id, case_id, notEmpty(execution_id) AS of_run",
        "schema = 'TriageOutput'",
    )
    assert outputs.TriageOutput.model_validate_json(of_triage.pop("output")) == TRIAGE
    assert of_triage == {
        "schema_version": "1",
        "is_json": True,
        "agent_name": "triage",
        "client_account_id": "acme",
        "case_id": "case-9",
        "of_run": 1,
    }


def test_an_output_of_any_size_is_in_sql_whole(up: Spanhouse) -> None:
    report = _row(up, "agent_outputs", "schema_version, output, agent_name", "schema = 'Report'")
    assert Report.model_validate_json(report["output"]).text == LONG
    assert (report["schema_version"], report["agent_name"]) == ("7", "reporter")


def test_a_triage_is_in_sql_by_file_domain_entity_and_group(up: Spanhouse) -> None:
    lease = {
        "summary_short": "A lease.",
        "summary_detailed": "A lease of ten years.",
        "key_points": ["ten years", "no exit"],
        "complexity_level": "high",
        "complexity_score": 8,
        "complexity_reasons": ["long"],
        "recommended_strategy": "split",
    }
    assert _rows(up, "triage_files", f"file_id, file_name, {', '.join(lease)}") == [
        {"file_id": name, "file_name": f"{name}.pdf", **lease} for name in ("f-1", "f-2")
    ]
    assert _rows(up, "triage_domain_scores", "file_id, domain, score, reasoning") == [
        {"file_id": "f-1", "domain": "finance", "score": 0, "reasoning": "no amounts"},
        {"file_id": "f-1", "domain": "legal", "score": 0.75, "reasoning": "a contract"},
        {"file_id": "f-2", "domain": "legal", "score": 0.25, "reasoning": "mentions one"},
    ]
    assert _rows(up, "triage_entities", "file_id, type, value, confidence, location") == [
        {"file_id": "f-1", "type": "date", "value": "2026-01-01", "confidence": 0.5, "location": None},
        {"file_id": "f-1", "type": "person", "value": "Ann", "confidence": 1, "location": "page 1"},
    ]
    assert _rows(up, "triage_groupings", "name, file_ids, reason") == [
        {"name": "leases", "file_ids": ["f-1", "f-2"], "reason": "the same house"}
    ]
