"""The spans of the corpus as rows of `otel_traces`, and spans made by hand."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.reference import Row, traces
from tests.support.corpus import REFUSED, Recording, parse, recordings

_FIELD = Path(__file__).parents[1] / "field"
# Cases of ten thousand spans, which take the oracle a while.
LONG = frozenset({"edge/0056-traces.pb.gz", "edge/0057-traces.pb.gz"})
# One trace, sent in two requests.
_TOGETHER = {"edge/0047-traces.pb": "edge/0046-traces.pb"}


@cache
def recorded() -> Mapping[str, list[Row]]:
    """The rows of each recording, whose name is its folder's; of each odd case, whose name is its file's."""
    found: dict[str, list[Row]] = {}
    for recording in recordings("traces"):
        if recording.name not in REFUSED:
            request = parse(recording)
            assert isinstance(request, ExportTraceServiceRequest)
            found.setdefault(_name(recording.name), []).extend(traces.rows(request)["otel_traces"])
    return found


@cache
def rebuilt() -> Mapping[str, list[Row]]:
    """The rows of each input in `tests/field` that has spans, whose name is its folder's."""
    found: dict[str, list[Row]] = {}
    for path in sorted(_FIELD.glob("*/[0-9]*-traces.json")):
        found.setdefault(path.parent.name, []).extend(rows_of(path))
    return found


def rows_of(path: Path) -> list[Row]:
    """The rows of the request of traces in a file."""
    request = parse(Recording(str(path), "traces", path.suffix == ".json", path.read_bytes()))
    assert isinstance(request, ExportTraceServiceRequest)
    return traces.rows(request)["otel_traces"]


def span(span_id: str, attributes: Mapping[str, str], parent_id: str = "", **columns: Any) -> Row:
    """A span of one millisecond, but for the `columns` that say otherwise."""
    made = {
        "Timestamp": 1_790_000_000_000_000_000,
        "TraceId": "0af7651916cd43dd8448eb211c80319c",
        "SpanId": span_id,
        "ParentSpanId": parent_id,
        "TraceState": "",
        "SpanName": "",
        "SpanKind": "Internal",
        "ServiceName": "",
        "ResourceAttributes": {},
        "ScopeName": "",
        "ScopeVersion": "",
        "SpanAttributes": dict(attributes),
        "Duration": 1_000_000,
        "StatusCode": "Unset",
        "StatusMessage": "",
    }
    lists = ("Events.Timestamp", "Events.Name", "Events.Attributes")
    links = ("Links.TraceId", "Links.SpanId", "Links.TraceState", "Links.Attributes")
    return {**made, **{name: [] for name in (*lists, *links)}, **columns}


def _name(name: str) -> str:
    return _TOGETHER.get(name, name) if name.startswith("edge/") else name.partition("/")[0]
