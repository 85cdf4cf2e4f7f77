"""What leaves the process of what spans and logs hold: redacted, left out, cut, and never by the agent's own thread."""

import csv
import json
import logging
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry._logs import Logger
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode, Tracer
from opentelemetry.util.types import AnyValue

from spanhouse import _attribute_classes
from spanhouse import attributes as names
from spanhouse._attribute_classes import is_content, is_standard
from spanhouse._privacy import CAPTURE_VARIABLE, Capture, Privacy, captured
from spanhouse.errors import SpanhouseError
from spanhouse.redaction import Redactor
from tests.support.process import Spanhouse
from tests.support.waiting import until

ADDRESS, KEY = "ann@example.com", "sk" + "-proj-" + "a1B2c3D4" * 6
REDACTED = Privacy(redactor=Redactor())


class _RecordsInMemory(InMemoryLogRecordExporter):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the SDK leaves it without types


class Exported:
    """Providers whose spans and records go through `privacy`; what came out, and what went in."""

    def __init__(self, privacy: Privacy, resource: Mapping[str, str] | None = None, **limits: int) -> None:
        self.seen, self.left = InMemorySpanExporter(), InMemorySpanExporter()
        self.logs_seen, self.logs_left = _RecordsInMemory(), _RecordsInMemory()
        described = Resource({"service.name": "s", **(resource or {})})
        spans = TracerProvider(resource=described, span_limits=SpanLimits(**limits), shutdown_on_exit=False)
        logs = LoggerProvider(resource=described, shutdown_on_exit=False)
        for exporter in (self.seen, privacy.spans(self.left)):
            spans.add_span_processor(SimpleSpanProcessor(exporter))
        for log_exporter in (self.logs_seen, privacy.logs(self.logs_left)):
            logs.add_log_record_processor(SimpleLogRecordProcessor(log_exporter))
        self.provider, self.log_provider = spans, logs
        self.tracer, self.logger = spans.get_tracer("t"), logs.get_logger("t")

    def span(self, attributes: Mapping[str, AnyValue] | None = None, **arguments: object) -> ReadableSpan:
        """What leaves of a span with these attributes."""
        self.tracer.start_span("a", attributes=attributes, **arguments).end()  # type: ignore[arg-type]  # as the caller says
        return self.left.get_finished_spans()[-1]

    def log(self, attributes: Mapping[str, AnyValue] | None = None, body: AnyValue = None) -> ReadableLogRecord:
        """What leaves of a record."""
        self.logger.emit(attributes=attributes, body=body, event_name="e")
        return self.logs_left.get_finished_logs()[-1]


def test_what_holds_nothing_to_hide_is_handed_on_as_it_is() -> None:
    exported = Exported(REDACTED)
    span = exported.span({"gen_ai.prompt": "Weather in Zürich?", "n": 1, "tags": ("a", "b")}, links=[_link({"k": "v"})])
    record = exported.log({"k": {"nested": ["x", 2]}}, body="nothing here")
    assert span is exported.seen.get_finished_spans()[0]
    assert record.log_record is exported.logs_seen.get_finished_logs()[0].log_record


def test_every_place_of_a_span_is_redacted_but_names_and_ids() -> None:
    exported = Exported(REDACTED, resource={"process.command_line": f"agent --token={KEY}"})
    with exported.tracer.start_as_current_span(f"chat {ADDRESS}", links=[_link({"why": ADDRESS})]) as span:
        span.set_attributes({"gen_ai.input.messages": json.dumps([{"role": "user", "content": f"I am {ADDRESS}"}])})
        span.set_attributes({"http.url": f"https://x.example/?key={KEY}", "tags": (ADDRESS, "b"), "user.id": ADDRESS})
        span.set_attribute("deep", {"list": [{"to": ADDRESS}], "password": "swordfish"})
        span.add_event("gen_ai.user.message", {"content": ADDRESS})
        span.record_exception(ValueError(f"bad key {KEY}"))
        span.set_status(Status(StatusCode.ERROR, f"bad key {KEY}"))
    (seen,), (left,) = exported.seen.get_finished_spans(), exported.left.get_finished_spans()
    assert left.name == f"chat {ADDRESS}"
    assert left.attributes == {
        "gen_ai.input.messages": '[{"role": "user", "content": "I am [redacted: email]"}]',
        "http.url": "https://x.example/?key=[redacted: key]",
        "tags": ["[redacted: email]", "b"],
        "user.id": ADDRESS,
        "deep": {"list": [{"to": "[redacted: email]"}], "password": "[redacted: secret]"},
    }
    assert left.links[0].attributes == {"why": "[redacted: email]"}
    assert left.status.description == "bad key [redacted: key]"
    assert left.events[0].attributes == {"content": "[redacted: email]"}
    assert (left.events[1].attributes or {})["exception.message"] == "bad key [redacted: key]"
    assert KEY not in str((left.events[1].attributes or {})["exception.stacktrace"])
    assert left.resource.attributes["process.command_line"] == "agent --token=[redacted: key]"
    for same in ("context", "parent", "kind", "start_time", "end_time", "instrumentation_scope", "dropped_attributes"):
        assert getattr(left, same) == getattr(seen, same)
    assert ADDRESS in str(seen.attributes), "the span itself is its library's, and stays as it was"


def test_a_logs_body_and_attributes_are_redacted_of_any_shape() -> None:
    exported = Exported(REDACTED)
    with exported.tracer.start_as_current_span("a") as span:
        record = exported.log({"parts": [{"text": ADDRESS}]}, body={"messages": [{"content": ADDRESS, "n": 1}]})
    log = record.log_record
    assert log.body == {"messages": [{"content": "[redacted: email]", "n": 1}]}
    assert log.attributes == {"parts": [{"text": "[redacted: email]"}]}
    seen = exported.logs_seen.get_finished_logs()[0].log_record
    assert (log.trace_id, log.span_id) == (seen.trace_id, seen.span_id) == _ids(span)
    assert (log.event_name, log.timestamp, log.observed_timestamp) == ("e", seen.timestamp, seen.observed_timestamp)
    assert (seen.body or {}) != log.body


def test_what_was_dropped_before_is_still_counted() -> None:
    exported = Exported(REDACTED, max_span_attributes=2, max_events=1, max_links=1, max_event_attributes=1)
    span = exported.tracer.start_span("a", links=[_link({"x": ADDRESS}), _link({})])
    span.set_attributes({"a": 1, "b": ADDRESS, "c": ADDRESS})
    for _ in range(2):
        span.add_event("e", {"x": ADDRESS, "y": ADDRESS})
    span.end()
    (left,) = exported.left.get_finished_spans()
    assert (left.dropped_attributes, left.dropped_events, left.dropped_links) == (1, 1, 1)
    assert (left.attributes, left.events[0].dropped_attributes) == (
        {"b": "[redacted: email]", "c": "[redacted: email]"},
        1,
    )


SAID: dict[str, AnyValue] = {
    "gen_ai.input.messages": "secret plans",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "plans",
    "gen_ai.usage.input_tokens": 7,
    "tag": "x",
}
NOT_SAID: dict[str, AnyValue] = {name: value for name, value in SAID.items() if "plans" not in str(value)}


def test_all_content_leaves_where_it_is_captured() -> None:
    assert Exported(Privacy("full")).span(SAID).attributes == SAID


def test_of_content_whose_metadata_is_captured_its_length_leaves() -> None:
    exported = Exported(Privacy("metadata"))
    assert exported.span(SAID).attributes == NOT_SAID | {
        "gen_ai.input.messages": "[content not captured: 12 characters]",
        "llm.input_messages.0.message.content": "[content not captured: 5 characters]",
    }
    record = exported.log({"gen_ai.input.messages": [{"role": "user", "content": "plans"}]}, body="plans")
    assert record.log_record.body == "[content not captured: 5 characters]"
    assert record.log_record.attributes == {"gen_ai.input.messages": "[content not captured: 20 characters]"}


def test_content_that_is_not_captured_does_not_leave_nor_do_an_exceptions_words() -> None:
    exported = Exported(Privacy("off"))
    assert exported.span(SAID).attributes == NOT_SAID
    with pytest.raises(ValueError, match="plans"), exported.tracer.start_as_current_span("a"):
        raise ValueError("plans")
    span = exported.left.get_finished_spans()[-1]
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert span.events[0].attributes == {"exception.type": "ValueError", "exception.escaped": "False"}
    assert exported.log({"exception.message": "plans", "n": 1}, body="plans").log_record.body is None


@pytest.mark.parametrize(
    ("said", "capture"),
    [
        *((said, "full") for said in (None, "", "true", "SPAN_ONLY", "event_only", "SPAN_AND_EVENT")),
        *((said, "metadata") for said in ("false", "NO_CONTENT", "something else")),
    ],
)
def test_opentelemetrys_variable_says_what_is_captured(
    said: str | None, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CAPTURE_VARIABLE, raising=False)
    if said is not None:
        monkeypatch.setenv(CAPTURE_VARIABLE, said)
    assert captured(None) == capture
    assert captured("off") == "off", "what the program says comes first"


def test_what_is_denied_does_not_leave_from_anywhere() -> None:
    exported = Exported(Privacy(deny=["user.id", "process.*", "body"]), resource={"process.command_line": "x"})
    span = exported.span({"user.id": "u", "n": 1, "process.pid": 3}, links=[_link({"user.id": "u"})])
    assert (span.attributes, span.links[0].attributes) == ({"n": 1}, {})
    assert span.resource.attributes == {"service.name": "s"}
    record = exported.log({"user.id": "u"}, body="x")
    assert (record.log_record.body, record.log_record.attributes) == (None, {})
    assert record.resource.attributes == {"service.name": "s"}


def test_where_some_are_allowed_they_and_what_is_needed_to_count_leave() -> None:
    exported = Exported(
        Privacy(allow=["customer.*", "input.value"], deny=["customer.name"]), resource={"host.name": "h"}
    )
    needed: dict[str, AnyValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 7,
        "spanhouse.execution.id": "00f067aa0ba902b7",
        "session.id": "s1",
        "user.id": "u",
    }
    span = exported.span(
        needed | {"customer.plan": "gold", "customer.name": "Ann", "output.value": "x", "input.value": "y"}
    )
    assert span.attributes == needed | {"customer.plan": "gold", "input.value": "y"}
    assert span.resource.attributes == {"service.name": "s"}
    assert exported.log({"spanhouse.execution.status": "running"}, body="thinking").log_record.body is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"capture": "some"}, "capture='some': use one of full, metadata, off"),
        ({"max_characters": 0}, "use a number above 0"),
        ({"allow": "user.id"}, "use a list of names"),
        ({"deny": ["user.*.id"]}, "may only stand at its end"),
    ],
)
def test_wrong_use_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(SpanhouseError, match=re.escape(message)):
        Privacy(**arguments)  # type: ignore[arg-type]  # that is what is tested


def test_a_long_text_is_cut_and_says_how_much() -> None:
    exported = Exported(Privacy(redactor=None, max_characters=100))
    span = exported.span({"input.value": "x" * 1000, "short": "x" * 100, "deep": {"a": ["y" * 500, "z" * 500]}})
    assert span.attributes == {
        "input.value": "x" * 100 + "[cut: the first 100 of 1000 characters are kept]",
        "short": "x" * 100,
        "deep": '{"a": ["' + "y" * 92 + "[cut: the first 100 of 1001 characters are kept]",
    }
    body = exported.log(body=["x" * 1000]).log_record.body
    assert body == '["' + "x" * 98 + "[cut: the first 100 of 1000 characters are kept]"


def test_the_json_of_a_record_is_redacted_and_never_cut() -> None:
    output = json.dumps({"by": ADDRESS, "text": "x" * 1000})
    exported = Exported(Privacy(redactor=Redactor(), max_characters=100))
    left = exported.span({"spanhouse.output.json": output}).attributes
    assert json.loads(str((left or {})["spanhouse.output.json"])) == {"by": "[redacted: email]", "text": "x" * 1000}


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 60), st.sampled_from([ADDRESS, KEY, "+49 30 1234567"]))
def test_no_half_of_a_secret_is_left_where_a_text_is_cut(before: int, between: int, secret: str) -> None:
    text = " ".join(("x" * before, secret, "y" * between, secret, "z" * between, secret, "word " * 1000))
    left = Exported(Privacy(redactor=Redactor(), max_characters=200)).span({"input.value": text}).attributes
    kept = str((left or {})["input.value"])
    assert not any(secret[:length] in kept for length in range(5, len(secret) + 1))
    assert "[cut: the first " in kept


class _Failing(Redactor):
    def text(self, text: str) -> str:
        if "fail" in text:
            raise RuntimeError(f"cannot read {text}")
        return super().text(text)


def test_what_cannot_be_redacted_leaves_without_its_content_and_the_batch_is_not_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exported = Exported(Privacy(redactor=_Failing()))
    for text in ("one", f"fail {KEY}", "two"):
        with exported.tracer.start_as_current_span("a", attributes={"x": text, "session.id": "s1"}) as span:
            span.add_event("exception", {"exception.type": "E", "exception.message": text})
            span.set_status(Status(StatusCode.ERROR, text))
        exported.log({"x": text, "session.id": "s1"}, body=text)
    left = exported.left.get_finished_spans()
    assert [dict(span.attributes or {}) for span in left] == [
        {"x": "one", "session.id": "s1"},
        {"session.id": "s1"},
        {"x": "two", "session.id": "s1"},
    ]
    assert (left[1].events[0].attributes, left[1].status.description) == ({"exception.type": "E"}, None)
    assert left[1].resource.attributes["service.name"] == "s"
    assert [record.log_record.body for record in exported.logs_left.get_finished_logs()] == ["one", None, "two"]
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2, "one of spans, one of logs"
    assert not any(KEY in warning for warning in warnings)


def test_flush_and_shutdown_reach_the_exporter() -> None:
    spans, logs = _Told(), _ToldOfLogs()
    wrapped, wrapped_logs = REDACTED.spans(spans), REDACTED.logs(logs)
    assert (wrapped.force_flush(5), wrapped_logs.force_flush(6)) == (True, False)
    wrapped.shutdown()
    wrapped_logs.shutdown()  # type: ignore[no-untyped-call]  # the SDK leaves it without types
    assert (spans.told, logs.told) == ([5, "shutdown"], [6, "shutdown"])


def test_the_spellings_of_content_and_of_what_is_counted_are_those_of_the_conventions() -> None:
    text = (files("spanhouse_schema") / "conventions" / "attributes.tsv").read_text()
    rows = csv.DictReader((line for line in text.splitlines() if not line.startswith("#")), delimiter="\t")
    wrong = []
    for row in rows:
        name, _, path = row["attribute"].partition(": ")
        content = row["concept"] in {"Input", "Output", "ToolArguments", "ToolResult", "ErrorMessage"}
        free = row["concept"] == "StatusMessage" or name == "metadata"
        if not (is_content(name) or (free and not is_standard(name)) if content or free else _counts(name, path)):
            wrong.append(row)
    assert wrong == []
    assert [
        name for name in (names.INPUT_TOKENS, names.EXECUTION_ID, names.CLIENT_ACCOUNT_ID) if is_content(name)
    ] == []


def test_no_attribute_is_both_content_and_standard() -> None:
    assert [name for name in _attribute_classes.CONTENT if is_standard(name)] == []


@pytest.mark.slow
def test_no_secret_of_an_agents_run_is_found_by_sql(tmp_path: Path) -> None:
    with Spanhouse.start(data_dir=tmp_path / "data") as up:
        resource = Resource({"service.name": "privacy", "process.command_line": f"agent --token={KEY}"})
        privacy = Privacy(redactor=Redactor())
        spans, logs = TracerProvider(resource=resource), LoggerProvider(resource=resource)
        spans.add_span_processor(SimpleSpanProcessor(privacy.spans(OTLPSpanExporter(f"{up.http}/v1/traces"))))
        logs.add_log_record_processor(SimpleLogRecordProcessor(privacy.logs(OTLPLogExporter(f"{up.http}/v1/logs"))))
        _run(spans.get_tracer("t"), logs.get_logger("t"))
        spans.shutdown()
        logs.shutdown()
        until(lambda: up.sql_text("SELECT count() FROM otel_traces") == "2")
        until(lambda: up.sql_text("SELECT count() FROM otel_logs") == "1")
        until(lambda: up.sql_text("SELECT count() FROM agent_executions WHERE AgentName = 'researcher'") == "1")
        stored = "database = 'spanhouse' AND engine LIKE '%MergeTree' AND total_rows > 0"
        tables = up.sql_text(f"SELECT name FROM system.tables WHERE {stored}").split()
        assert {"otel_traces", "otel_logs", "execution_events", "agent_executions", "agent_spans"} <= set(tables)
        for table in tables:
            rows = up.sql_text(f"SELECT * FROM `{table}` FORMAT JSONEachRow")
            assert not any(secret in rows for secret in (ADDRESS, KEY, "4111111111111111")), table
        shown = up.sql_text(
            "SELECT SpanAttributes['gen_ai.tool.call.arguments'] FROM otel_traces WHERE SpanName = 'tool'"
        )
        assert json.loads(shown) == {"to": "[redacted: email]", "card": "[redacted: card]", "n": 2}


def _run(tracer: Tracer, logger: Logger) -> None:
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "researcher"}
    with tracer.start_as_current_span("agent", attributes=agent, links=[_link({"why": ADDRESS})]) as span:
        span.set_attribute("gen_ai.input.messages", json.dumps([{"role": "user", "content": f"I am {ADDRESS}"}]))
        span.set_attribute("tags", [ADDRESS, KEY])
        logger.emit(
            body={"said": [ADDRESS]}, attributes={"deep": {"key": KEY}}, event_name="spanhouse.execution.thinking"
        )
        tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "send"}
        with tracer.start_as_current_span("tool", attributes=tool) as call:
            arguments = {"to": ADDRESS, "card": 4111111111111111, "n": 2}
            call.set_attribute("gen_ai.tool.call.arguments", json.dumps(arguments))
            call.record_exception(ValueError(f"{KEY} is wrong"))
            call.set_status(Status(StatusCode.ERROR, f"{KEY} is wrong"))


class _Told(SpanExporter):
    def __init__(self) -> None:
        self.told: list[object] = []

    def shutdown(self) -> None:
        self.told.append("shutdown")

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self.told.append(timeout_millis)
        return True


class _ToldOfLogs(_RecordsInMemory):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []

    def shutdown(self) -> None:
        self.told.append("shutdown")

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self.told.append(timeout_millis)
        return False


def _counts(name: str, path: str) -> bool:
    """Whether it is standard; what is inside of content is content."""
    return is_standard(name) or (bool(path) and is_content(name))


def _link(attributes: Mapping[str, AnyValue]) -> Link:
    return Link(SpanContext(1, 2, is_remote=True), attributes)


def _ids(span: Span) -> tuple[int, int]:
    context = span.get_span_context()
    return context.trace_id, context.span_id
