"""Typed outputs: what a model must be, and that it is recorded whole; the JSON schema that models are asked in."""

import json
import logging
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.trace import get_tracer
from pydantic import BaseModel, ValidationError

import spanhouse
from spanhouse import _best_effort, outputs
from spanhouse.outputs import DomainScore, ExtractedEntity, TriageOutput
from tests.sdk.conftest import Telemetry
from tests.sdk.triage import TRIAGE, file


class Report(BaseModel):
    """A model of one's own."""

    schema_version: ClassVar[str] = "2"

    text: str
    scores: list[float] = []


class Plain(BaseModel):
    """One that says nothing of its version."""

    schema_version: int = 4


def _recorded(telemetry: Telemetry, span: str) -> dict[str, object]:
    return {key: value for key, value in telemetry.said(span).items() if key.startswith("spanhouse.output.")}


def test_a_schema_is_named_as_its_class_and_has_a_version() -> None:
    assert outputs.schema_of(TRIAGE) == ("TriageOutput", "1")
    assert outputs.schema_of(Report) == ("Report", "2")
    assert outputs.schema_of(Plain(schema_version=5)) == ("Plain", "1")


def test_a_model_that_a_run_returns_is_its_output(telemetry: Telemetry) -> None:
    @spanhouse.agent("triage")
    def triage() -> TriageOutput:
        return TRIAGE

    assert triage() is TRIAGE
    recorded = _recorded(telemetry, "invoke_agent triage")
    assert recorded["spanhouse.output.schema"] == "TriageOutput"
    assert recorded["spanhouse.output.schema_version"] == "1"
    assert TriageOutput.model_validate_json(str(recorded["spanhouse.output.json"])) == TRIAGE


def test_of_several_outputs_of_a_run_the_last_one_is_recorded(telemetry: Telemetry) -> None:
    with spanhouse.agent("reporter"), spanhouse.tool("write"):
        outputs.record(Report(text="a draft"))
        outputs.record(Report(text="the report"))
    assert _recorded(telemetry, "invoke_agent reporter") == {
        "spanhouse.output.schema": "Report",
        "spanhouse.output.schema_version": "2",
        "spanhouse.output.json": '{"text":"the report","scores":[]}',
    }


def test_in_a_run_of_a_framework_it_is_the_output_of_its_span(telemetry: Telemetry) -> None:
    with get_tracer("a framework").start_as_current_span("invoke_agent theirs"):
        outputs.record(Report(text="r"))
    assert _recorded(telemetry, "invoke_agent theirs")["spanhouse.output.schema"] == "Report"


def test_outside_of_any_span_it_is_refused_and_said(telemetry: Telemetry, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "spanhouse")
    _best_effort.refused.clear()
    outputs.record(TRIAGE)
    outputs.record(TRIAGE)
    assert caplog.messages == [
        "a typed output was not recorded: TriageOutput is the output of no run (said once; all are counted)"
    ]


def test_what_is_not_valid_any_more_is_refused(telemetry: Telemetry) -> None:
    score = DomainScore(domain="legal", score=0.5, reasoning="a contract")
    spoiled = TriageOutput(files=[file("f-1", score)])
    spoiled.files[0].domain_scores[0].score = 7
    unfinished = TRIAGE.files[0].model_copy(update={"summary": None})
    with spanhouse.agent("triage"):
        outputs.record(spoiled)
        outputs.record(TriageOutput.model_construct(files=[unfinished]))
    assert _recorded(telemetry, "invoke_agent triage") == {}


@given(text=st.text(st.characters(codec="utf-8")), scores=st.lists(st.floats(allow_nan=False, allow_infinity=False)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_model_comes_back_as_it_was(telemetry: Telemetry, text: str, scores: list[float]) -> None:
    telemetry.forget()
    report = Report(text=text, scores=scores)
    with spanhouse.agent("reporter"):
        outputs.record(report)
    recorded = _recorded(telemetry, "invoke_agent reporter")
    assert Report.model_validate_json(str(recorded["spanhouse.output.json"])) == report


def _without(*path: str | int) -> dict[str, Any]:
    """The triage as JSON, without what is there."""
    whole: dict[str, Any] = json.loads(TRIAGE.model_dump_json())
    found: Any = whole
    for step in path[:-1]:
        found = found[step]
    del found[path[-1]]
    return whole


@pytest.mark.parametrize(
    "path",
    [
        ("files",),
        *(("files", 0, name) for name in ("file_id", "domain_scores", "entities", "summary", "complexity")),
        *(("files", 0, "domain_scores", 0, name) for name in ("domain", "score", "reasoning")),
        *(("files", 0, "entities", 0, name) for name in ("type", "value", "confidence")),
        *(("files", 0, "summary", name) for name in ("short", "detailed", "key_points")),
        *(("files", 0, "complexity", name) for name in ("level", "score", "reasons", "recommended_strategy")),
        *(("groupings", 0, name) for name in ("name", "file_ids", "reason")),
    ],
    ids=lambda path: ".".join(map(str, path)),
)
def test_a_triage_needs_all_of_its_parts(path: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError, match="Field required"):
        TriageOutput.model_validate(_without(*path))


@pytest.mark.parametrize("path", [("groupings",), ("files", 0, "file_name"), ("files", 0, "entities", 0, "location")])
def test_a_triage_may_do_without(path: tuple[str | int, ...]) -> None:
    TriageOutput.model_validate(_without(*path))


@pytest.mark.parametrize("score", [-0.01, 1.01, float("nan"), float("inf"), "high"])
def test_scores_and_confidences_are_from_0_to_1(score: Any) -> None:
    with pytest.raises(ValidationError):
        DomainScore(domain="legal", score=score, reasoning="r")
    with pytest.raises(ValidationError):
        ExtractedEntity(type="person", value="Ann", confidence=score)


def test_what_no_field_holds_is_refused_not_lost() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        TriageOutput.model_validate({"files": [], "notes": "n"})


# What OpenAI's strict mode takes of JSON schema, with what is harmless there. It wants every object closed and every
# property required, nothing beside a reference, and an object at the top.
_KEYWORDS = {
    *("type", "properties", "required", "additionalProperties", "items", "anyOf", "$ref", "$defs"),
    *("minimum", "maximum", "title", "description"),
}


def _schemas(schema: Any) -> list[dict[str, Any]]:
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", [])]
    if "items" in schema:
        inner.append(schema["items"])
    return [schema, *(found for each in inner for found in _schemas(each))]


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_json_schema_of_a_triage_is_strict(mode: Any) -> None:
    schema = TriageOutput.model_json_schema(mode=mode)
    assert schema["type"] == "object"
    found = _schemas(schema)
    assert len(found) > 40
    for each in found:
        assert not each.keys() - _KEYWORDS
        assert "$ref" not in each or each.keys() == {"$ref"}
        if each.get("type") == "object":
            assert each["additionalProperties"] is False
            assert each["required"] == list(each["properties"])


def test_every_field_of_a_triage_says_what_it_is() -> None:
    for each in _schemas(TriageOutput.model_json_schema()):
        for name, field in each.get("properties", {}).items():
            assert "$ref" in field or field["description"], name
