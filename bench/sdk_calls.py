"""What the SDK adds to a span, in the thread that makes it: beside a bare one of OpenTelemetry's, in the same run."""

from collections.abc import Callable
from pathlib import Path
from timeit import repeat

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.trace import Tracer

import spanhouse
from bench.report import Figure
from spanhouse import _attribution, _context, _operations
from spanhouse._framework_runs import AttributionProcessor

RUNS = 7
TIMES = 5_000
IDS = {f"spanhouse.{name}.id": f"{name}-1" for name in ("execution", "client_account", "engagement", "case", "flow")}


def measure(_: Path) -> list[Figure]:
    """Microseconds of a bare span, of a tool's call that does nothing, and of the attribution of one span."""
    bare_tracer, tracer = TracerProvider().get_tracer("bench"), _attributed()
    # This process has no provider; where it had one, the operations would ask it for this.
    vars(_operations)["tracer"] = lambda: tracer
    calls = [(_microseconds(lambda: _bare(bare_tracer)), *_tool_us()) for _ in range(RUNS)]
    attribution = [_attribution_us(bare_tracer) for _ in range(RUNS)]
    return [
        Figure("a bare span of OpenTelemetry's", "µs", [bare for bare, _, _ in calls]),
        Figure("a @tool that does nothing, capture off", "µs", [alone for _, alone, _ in calls]),
        Figure("a @tool / a bare span", "ratio", [alone / bare for bare, alone, _ in calls], "≤ 1.5"),
        Figure("a @tool in a run, attributed / a bare span", "ratio", [inside / bare for bare, _, inside in calls]),
        Figure("attribution of a span by five ids", "µs", attribution, "≤ 8"),
    ]


@spanhouse.tool(capture=False)
def _nothing() -> None:
    """Do nothing."""


def _bare(tracer: Tracer) -> None:
    with tracer.start_as_current_span("nothing"):
        _pass()


def _pass() -> None:
    """What the tool does, too."""


def _tool_us() -> tuple[float, float]:
    alone = _microseconds(_nothing)
    with _context.attached(_attribution.entering(_attribution.of().with_(IDS))):
        return alone, _microseconds(_nothing)


def _attribution_us(tracer: Tracer) -> float:
    """Of the processor alone, on spans that are not ended: what it does to each is the same."""
    context = _context.carrying(_attribution.of().with_(IDS), Context())
    processor = AttributionProcessor()
    spans = [tracer.start_span("nothing", context) for _ in range(TIMES)]
    remaining = iter(spans)

    def attribute() -> None:
        span = next(remaining)
        assert isinstance(span, Span)
        processor.on_start(span, context)

    return min(repeat(attribute, number=TIMES, repeat=1)) / TIMES * 1e6


def _attributed() -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(AttributionProcessor())
    return provider.get_tracer("bench")


def _microseconds(call: Callable[[], None]) -> float:
    return min(repeat(call, number=TIMES, repeat=3)) / TIMES * 1e6
