"""What it costs to redact in the thread that exports: a text of 10 kB, and a span in which there is nothing to find."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bench.report import Figure
from spanhouse._privacy import Privacy
from spanhouse.redaction import Redactor

RUNS = 7
TIMES = 200
CHARACTERS = 10_000
PROSE = (
    "The agent searched three sources and found that the refund policy allows returns within 30 days; it asked the "
    "customer for the order number A-1042, and answered at 10:30 that the package was sent on 2026-11-21.\n"
)
MESSAGE = {"role": "assistant", "parts": [{"type": "tool_call", "id": "call_83f2", "arguments": {"query": "refunds"}}]}


def measure(_: Path) -> list[Figure]:
    """Milliseconds for 10 kB of prose, of messages as JSON, and with findings; microseconds for a span."""
    redactor = Redactor()
    said = {"role": "user", "parts": [{"type": "text", "content": PROSE}]}
    prose = (PROSE * 60)[:CHARACTERS]
    messages = json.dumps([said, MESSAGE] * 29)
    found = json.dumps(
        [said, {"role": "user", "parts": [{"type": "text", "content": "write to ann@example.com"}]}] * 31
    )
    texts = {"prose": prose, "messages as JSON": messages, "messages as JSON, 31 findings": found}
    figures = []
    for name, text in texts.items():
        milliseconds = [taken * 1e3 * CHARACTERS / len(text) for taken in _timed(partial(redactor.text, text))]
        reach = "≤ 1" if "findings" not in name else ""
        figures.append(Figure(f"redaction of 10 kB, {name}", "ms", milliseconds, reach))
    return [*figures, Figure("privacy, a span without findings", "µs", [s * 1e6 for s in _timed(_export_of_a_span())])]


def _export_of_a_span() -> Callable[[], SpanExportResult]:
    spans = TracerProvider(shutdown_on_exit=False)
    attributes = {f"server.setting.{number}": f"a value of no.{number}" for number in range(8)}
    span = spans.get_tracer("bench").start_span("chat", attributes={**attributes, "input.value": PROSE})
    span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 7})
    span.end()
    exporter = Privacy(redactor=Redactor()).spans(InMemorySpanExporter())
    return lambda: exporter.export([span])  # type: ignore[list-item]  # a span that has ended can be read


def _timed(work: Callable[[], object]) -> list[float]:
    """Seconds of one, in each run: of the process, since other work may run on the same machine."""
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        for _ in range(TIMES):
            work()
        seconds.append((time.process_time() - start) / TIMES)
    return seconds
