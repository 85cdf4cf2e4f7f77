"""The corpus: what real agent frameworks sent, and the hand-made odd cases beside it."""

import gzip
from collections.abc import Iterator
from csv import DictReader
from pathlib import Path
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.reference import REQUESTS, Request, otlp_json

# What a receiver must not read: nested past the limits, not UTF-8, cut, noise, enum names, a list at the top.
REFUSED = frozenset(
    f"edge/{name}"
    for name in (
        "0017-traces.pb",
        "0018-traces.pb.gz",
        "0027-traces.pb",
        "0052-traces.pb",
        "0053-traces.pb",
        "0078-traces.json",
        "0085-traces.json",
        "0086-traces.json",
    )
)
_CORPUS = Path(__file__).parents[1] / "corpus"


class Recording(NamedTuple):
    """The body of one request; `name` is its file's path in the corpus."""

    name: str
    signal: str
    is_json: bool
    body: bytes


def recordings(signal: str | None = None) -> Iterator[Recording]:
    """Every recorded request of `signal`, or of all signals, in order of arrival in each folder."""
    for path in sorted(_CORPUS.glob("*/[0-9]*")):
        recording = _read(path)
        if signal in {None, recording.signal}:
            yield recording


def edge_cases() -> dict[str, dict[str, str]]:
    """The rows of `edge/cases.tsv` by the name of their recording."""
    with (_CORPUS / "edge" / "cases.tsv").open(newline="") as file:
        return {f"edge/{row['file']}": row for row in DictReader(file, delimiter="\t")}


def read(name: str) -> Recording:
    """The recording of that name."""
    return _read(_CORPUS / name)


def parse(recording: Recording) -> Request:
    """The request that a recording spells, as the official classes read it."""
    if recording.is_json:
        return otlp_json.read(recording.signal, recording.body)
    return REQUESTS[recording.signal].FromString(recording.body)


def span_by_span(request: ExportTraceServiceRequest) -> Iterator[bytes]:
    """A request for each span of a request, with its resource and its scope."""
    for of_resource in request.resource_spans:
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                made = ExportTraceServiceRequest()
                resource = made.resource_spans.add(resource=of_resource.resource, schema_url=of_resource.schema_url)
                resource.scope_spans.add(scope=of_scope.scope, schema_url=of_scope.schema_url, spans=[span])
                yield made.SerializeToString()


def _read(path: Path) -> Recording:
    body = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    signal = path.name.split(".")[0].partition("-")[2]
    return Recording(str(path.relative_to(_CORPUS)), signal, ".json" in path.name, body)
