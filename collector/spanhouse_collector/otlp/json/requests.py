"""OTLP/JSON as it comes to a receiver, turned into the protobuf that `protobuf` would have made of the same request."""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from spanhouse_collector.otlp.decoded import Decoded, Refusals, span_text, why_refused
from spanhouse_collector.otlp.export import EXPORTS
from spanhouse_collector.otlp.json.messages import message_encoder
from spanhouse_collector.otlp.json.scalars import Encode, Misfit
from spanhouse_collector.signal import Signal
from spanhouse_web.errors import BadRequest

_ENCODERS: dict[Signal, Encode] = {
    signal: message_encoder(export.request_descriptor) for signal, export in EXPORTS.items()
}
# Where the items of a request stand in it.
_PATHS: dict[Signal, tuple[str, str, str]] = {
    Signal.TRACES: ("resourceSpans", "scopeSpans", "spans"),
    Signal.LOGS: ("resourceLogs", "scopeLogs", "logRecords"),
    Signal.METRICS: ("resourceMetrics", "scopeMetrics", "metrics"),
}
_KINDS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
_BOM = b"\xef\xbb\xbf"
# Half of a character beyond U+FFFF, as JavaScript leaves it where it cuts a text in two, becomes U+FFFD.
_SURROGATE = re.compile(
    rb"(?P<whole>\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def decode(signal: Signal, body: bytes) -> Decoded:
    """Return the request that `body` is, ready to be stored.

    Raises `BadRequest` when `body` is not JSON, or not the signal's export request; the message names the field.
    """
    document = _parse(body)
    refusals = Refusals()
    if signal is Signal.TRACES:
        _take_out_unidentified(document, refusals)
    try:
        payload = _ENCODERS[signal](document)
    except Misfit as error:
        raise BadRequest(f"{error.path or 'the body'}: {error.problem}") from error
    return Decoded(payload, _count(signal, document), refusals.listed(), refusals.reasons)


def _parse(body: bytes) -> Any:
    text = body.removeprefix(_BOM)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        repaired = _SURROGATE.sub(_repair, text)
        if repaired == text:
            raise BadRequest(f"the body is not JSON: {error}") from error
        return _parse(repaired)


def _repair(escape: re.Match[bytes]) -> bytes:
    return escape[0] if escape["whole"] else b"\\ufffd"


def _take_out_unidentified(document: Any, refusals: Refusals) -> None:
    for scope in _scopes(document, "resourceSpans", "scopeSpans"):
        if type(spans := scope.get("spans")) is list:
            scope["spans"] = [span for span in spans if _is_kept(span, refusals)]


def _is_kept(span: Any, refusals: Refusals) -> bool:
    reason = _why_refused(span) if type(span) is dict else None
    if reason is not None:
        refusals.add(reason, lambda: span_text(span))
    return reason is None


def _why_refused(span: dict[str, Any]) -> str | None:
    trace_id, span_id = span.get("traceId"), span.get("spanId")
    try:
        return why_refused(
            b"" if trace_id is None else bytes.fromhex(trace_id), b"" if span_id is None else bytes.fromhex(span_id)
        )
    except ValueError:
        return "the trace id or the span id is not hexadecimal"
    except TypeError:
        return None  # of a wrong type: the encoder names the field


def _count(signal: Signal, document: Any) -> int:
    """Return how many spans, records or points there are in a document that could be encoded."""
    resources, scopes, items = _PATHS[signal]
    lists = (scope.get(items) or () for scope in _scopes(document, resources, scopes))
    if signal is not Signal.METRICS:
        return sum(map(len, lists))
    return sum(
        len((metric.get(kind) or {}).get("dataPoints") or ())
        for metrics in lists
        for metric in metrics
        for kind in _KINDS
    )


def _scopes(document: Any, resources: str, scopes: str) -> Iterator[dict[str, Any]]:
    for resource in _objects(document, resources):
        yield from _objects(resource, scopes)


def _objects(parent: Any, name: str) -> list[dict[str, Any]]:
    # What is of a wrong type is left to the encoder, which names it.
    children = parent.get(name) if type(parent) is dict else None
    return [child for child in children if type(child) is dict] if type(children) is list else []
