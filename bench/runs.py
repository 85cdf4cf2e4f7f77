"""The telemetry that executions are measured with: runs of agents, spelt as OpenTelemetry's conventions spell them.

A run is a trace of ten spans of about a dozen attributes: an agent, with five calls of models and four of tools below.
"""

import json
import random
from time import time_ns

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from bench.spans import MODELS, attributes

SPANS_PER_RUN, CALLS_PER_RUN = 10, 5
RUNS_PER_REQUEST = 10
SPANS_PER_REQUEST = SPANS_PER_RUN * RUNS_PER_REQUEST

_TOOLS = ("search", "read_file", "calculate")
_WORDS = ("otter", "river", "report", "search", "market", "graph", "plan", "draft", "budget", "margin", "forecast")
_STEP_NS = 100_000_000


def requests(spans: int, seed: int) -> list[bytes]:
    """OTLP trace requests, as protobuf, that hold `spans` spans together; another seed gives other runs."""
    chance = random.Random(seed)
    return [_request(chance, number) for number in range(spans // SPANS_PER_REQUEST)]


def one_run(seed: int) -> bytes:
    """A request with one run."""
    request, scope = _begun(seed)
    _add_run(random.Random(seed), scope)
    return request.SerializeToString()


def lone_agent(trace_id: bytes, agent: str = "probe") -> bytes:
    """A request with one span, which is that agent's: the smallest thing that becomes an execution."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = trace_id, trace_id[8:], "invoke_agent probe"
    span.start_time_unix_nano = span.end_time_unix_nano = time_ns()
    span.attributes.extend(attributes({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent}))
    return request.SerializeToString()


def _request(chance: random.Random, number: int) -> bytes:
    request, scope = _begun(number)
    for _ in range(RUNS_PER_REQUEST):
        _add_run(chance, scope)
    return request.SerializeToString()


def _begun(number: int) -> tuple[ExportTraceServiceRequest, ScopeSpans]:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(
        attributes({"service.name": f"agents-{number % 7}", "telemetry.sdk.language": "python"})
    )
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = "opentelemetry.instrumentation.agents", "1.0"
    return request, scope


def _add_run(chance: random.Random, scope: ScopeSpans) -> None:
    trace_id, start = chance.randbytes(16), time_ns() - chance.randrange(10**9)
    session = f"conv-{chance.randrange(9999)}"
    agent = _agent(chance, session)
    agent.start_time_unix_nano, agent.end_time_unix_nano = start, start + SPANS_PER_RUN * _STEP_NS
    for step in range(1, SPANS_PER_RUN):
        call = _model_call(chance, session) if step % 2 else _tool_call(chance, session)
        call.parent_span_id = agent.span_id
        call.start_time_unix_nano = start + step * _STEP_NS
        call.end_time_unix_nano = call.start_time_unix_nano + chance.randrange(_STEP_NS)
        call.trace_id = trace_id
        scope.spans.append(call)
    # A parent ends after its children, and so comes after them.
    agent.trace_id = trace_id
    scope.spans.append(agent)


def _agent(chance: random.Random, session: str) -> Span:
    name = f"agent-{chance.randrange(100)}"
    return Span(
        span_id=chance.randbytes(8),
        name=f"invoke_agent {name}",
        kind=Span.SPAN_KIND_INTERNAL,
        flags=257,
        attributes=attributes(
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.provider.name": "openai",
                "gen_ai.agent.id": f"{name}-1",
                "gen_ai.agent.name": name,
                "gen_ai.agent.version": "1.2",
                "gen_ai.agent.description": _text(chance),
                "gen_ai.request.model": "gpt-5",
                "gen_ai.request.temperature": 0.7,
                "gen_ai.conversation.id": session,
                "user.id": f"user-{chance.randrange(999)}",
                "gen_ai.input.messages": _message(chance, "user"),
                "gen_ai.output.messages": _message(chance, "assistant"),
            }
        ),
    )


def _model_call(chance: random.Random, session: str) -> Span:
    provider, model, answering = chance.choice(MODELS)
    return Span(
        span_id=chance.randbytes(8),
        name=f"chat {model}",
        kind=Span.SPAN_KIND_CLIENT,
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
                "gen_ai.conversation.id": session,
                "gen_ai.request.stream": True,
                "gen_ai.output.messages": _message(chance, "assistant"),
            }
        ),
    )


def _tool_call(chance: random.Random, session: str) -> Span:
    tool = chance.choice(_TOOLS)
    return Span(
        span_id=chance.randbytes(8),
        name=f"execute_tool {tool}",
        kind=Span.SPAN_KIND_INTERNAL,
        flags=257,
        attributes=attributes(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": tool,
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": f"call_{chance.randbytes(9).hex()}",
                "gen_ai.tool.description": _text(chance),
                "gen_ai.tool.call.arguments": json.dumps({"query": _text(chance)}),
                "gen_ai.tool.call.result": _text(chance),
                "gen_ai.conversation.id": session,
                "app.attempt": 1,
                "app.cached": False,
                "app.weight": chance.random(),
            }
        ),
    )


def _message(chance: random.Random, role: str) -> str:
    parts = [{"type": "text", "content": _text(chance)}]
    return json.dumps([{"role": role, "parts": parts}], separators=(",", ":"))


def _text(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=9))
