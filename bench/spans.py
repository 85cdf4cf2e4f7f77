"""The telemetry that is measured with: model-call spans of about 620 bytes and 12 attributes, as agents send them."""

import json
import random
from base64 import b64decode
from collections.abc import Mapping
from time import time_ns
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPANS_PER_REQUEST = 100
# The first is the others' parent, and so no call itself but what holds them.
SPANS_PER_TRACE, CALLS_PER_TRACE = 10, 9

# Provider, and the model as it is asked for and as it answers: those that have prices, as nearly all have.
MODELS = (
    ("openai", "gpt-5", "gpt-5-2025-08-07"),
    ("openai", "gpt-5-mini", "gpt-5-mini-2025-08-07"),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("gcp.gemini", "gemini-2.5-pro", "gemini-2.5-pro"),
)
_WORDS = [
    "otter",
    "river",
    "report",
    "search",
    "market",
    "token",
    "graph",
    "agent",
    "plan",
    "draft",
    "budget",
    "margin",
    "forecast",
    "signal",
    "risk",
]


def requests(spans: int, seed: int) -> list[bytes]:
    """OTLP trace requests, as protobuf, of so many spans together; another seed, from 0 on, gives other spans."""
    chance = random.Random(seed)
    return [_request(chance, number).SerializeToString() for number in range(spans // SPANS_PER_REQUEST)]


def as_json(request: bytes) -> bytes:
    """The same request as OTLP/JSON, as the JavaScript SDK spells it."""
    message = MessageToDict(ExportTraceServiceRequest.FromString(request), use_integers_for_enums=True)
    return json.dumps(_with_hex_ids(message), separators=(",", ":")).encode()


def _request(chance: random.Random, number: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(
        attributes(
            {
                "service.name": f"agents-{number % 7}",
                "telemetry.sdk.language": "python",
                "telemetry.sdk.version": "1.45.2",
                "host.name": f"host-{number % 3}",
            }
        )
    )
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = "opentelemetry.instrumentation.openai_v2", "2.4b0"
    for _ in range(SPANS_PER_REQUEST // SPANS_PER_TRACE):
        trace_id, root = chance.randbytes(16), b""
        for _ in range(SPANS_PER_TRACE):
            span = _span(chance, trace_id, root)
            root = root or span.span_id
            scope.spans.append(span)
    return request


def _span(chance: random.Random, trace_id: bytes, parent: bytes) -> Span:
    provider, model, answering = chance.choice(MODELS)
    start = time_ns() - chance.randrange(10**9)
    answer = {"role": "assistant", "parts": [{"type": "text", "content": " ".join(chance.choices(_WORDS, k=9))}]}
    return Span(
        trace_id=trace_id,
        span_id=chance.randbytes(8),
        parent_span_id=parent,
        name=f"chat {model}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start,
        end_time_unix_nano=start + chance.randrange(3 * 10**9),
        flags=257,
        attributes=attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": provider,
                "gen_ai.request.model": model,
                "gen_ai.response.model": answering,
                "gen_ai.response.id": f"resp_{chance.randbytes(9).hex()}",
                "gen_ai.usage.input_tokens": chance.randrange(5000),
                "gen_ai.usage.output_tokens": chance.randrange(900),
                "gen_ai.request.temperature": 0.7,
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.conversation.id": f"conv-{chance.randrange(9999)}",
                "gen_ai.request.stream": True,
                "gen_ai.output.messages": json.dumps([answer], separators=(",", ":")),
            }
        ),
    )


def attributes(values: Mapping[str, str | bool | int | float | list[str]]) -> list[KeyValue]:
    """Attributes as OTLP has them, each of its value's type."""
    return [KeyValue(key=key, value=_any_value(value)) for key, value in values.items()]


def _any_value(value: str | bool | int | float | list[str]) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    result = AnyValue()
    for element in value:
        result.array_value.values.add(string_value=element)
    return result


def _with_hex_ids(node: Any) -> Any:
    """The tree with its base64 ids, as protobuf's JSON has them, in hex, as OTLP's has them."""
    if isinstance(node, list):
        return [_with_hex_ids(child) for child in node]
    if isinstance(node, dict):
        return {
            key: _hex(child) if key.endswith(("traceId", "panId")) else _with_hex_ids(child)
            for key, child in node.items()
        }
    return node


def _hex(text: str) -> str:
    return b64decode(text).hex()
