"""`llm_call`: record a model's call that no instrumentation sees, with its usage and when the first chunk came."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, set_span_in_context
from opentelemetry.util.types import AttributeValue

from spanhouse._operations import Operation, tracer
from spanhouse._recording import Recording
from spanhouse.attributes import (
    CACHE_READ_TOKENS,
    CACHE_WRITE_TOKENS,
    COST_USD,
    INPUT_MESSAGES,
    INPUT_TOKENS,
    OPERATION_NAME,
    OUTPUT_MESSAGES,
    OUTPUT_TOKENS,
    PROVIDER_NAME,
    REASONING_TOKENS,
    REQUEST_MODEL,
    REQUEST_STREAM,
    RESPONSE_FINISH_REASONS,
    RESPONSE_ID,
    RESPONSE_MODEL,
    RESPONSE_TIME_TO_FIRST_CHUNK,
)

T = TypeVar("T")


def llm_call(model: str, *, provider: str = "", operation: str = "chat") -> Operation[ModelCall]:
    """Record a call of a model: a row of `llm_calls`.

        with spanhouse.llm_call("gpt-5", provider="openai") as call:
            answer = client.ask(...)
            call.record_usage(input_tokens=answer.input_tokens, output_tokens=answer.output_tokens)

    `provider` and `operation` are OpenTelemetry's `gen_ai.provider.name` (openai, anthropic, gcp.gemini and so on) and
    `gen_ai.operation.name` (chat, generate_content, text_completion, embeddings).
    """
    return _ModelOperation(model, provider, operation)


class ModelCall(Recording):
    """One call of a model."""

    __slots__ = ("_began", "_chunks")
    input_attribute = INPUT_MESSAGES
    output_attribute = OUTPUT_MESSAGES

    def __init__(self, span: Span, context: Context) -> None:
        super().__init__(span, context)
        self._began = perf_counter()
        self._chunks = 0

    def record_usage(
        self,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        cost_usd: float | None = None,
    ) -> None:
        """Record tokens, and USD where the provider says what it cost; said again, the latest counts.

        As OpenTelemetry has it, `input_tokens` includes what was read from a cache or written to one, `output_tokens`
        the reasoning. What is not known is left out: it is not 0.
        """
        self._set(
            {
                INPUT_TOKENS: input_tokens,
                OUTPUT_TOKENS: output_tokens,
                CACHE_READ_TOKENS: cache_read_tokens,
                CACHE_WRITE_TOKENS: cache_write_tokens,
                REASONING_TOKENS: reasoning_tokens,
                COST_USD: cost_usd,
            }
        )

    def record_response(
        self, *, id: str | None = None, model: str | None = None, finish_reasons: Sequence[str] | None = None
    ) -> None:
        """Record what the provider calls its answer, which model gave it, and why it ended."""
        self._set({RESPONSE_ID: id, RESPONSE_MODEL: model, RESPONSE_FINISH_REASONS: finish_reasons})

    def chunk(self) -> None:
        """A piece of a streamed answer has come; of the first, the time that it took is recorded."""
        self._chunks += 1
        if self._chunks == 1:
            waited_s = perf_counter() - self._began
            self._set({REQUEST_STREAM: True, RESPONSE_TIME_TO_FIRST_CHUNK: waited_s})

    def stream(self, chunks: Iterable[T]) -> Iterator[T]:
        """The same chunks, each counted as it comes."""
        for chunk in chunks:
            self.chunk()
            yield chunk

    async def astream(self, chunks: AsyncIterable[T]) -> AsyncIterator[T]:
        """The same chunks, each counted as it comes."""
        async for chunk in chunks:
            self.chunk()
            yield chunk

    def _set(self, said: Mapping[str, AttributeValue | None]) -> None:
        self.span.set_attributes({name: value for name, value in said.items() if value is not None})


class _ModelOperation(Operation[ModelCall]):
    def __init__(self, model: str, provider: str, operation: str) -> None:
        super().__init__(model, capture=True)
        self._attributes = {OPERATION_NAME: operation, REQUEST_MODEL: model}
        if provider:
            self._attributes[PROVIDER_NAME] = provider

    def begin(self, name: str) -> ModelCall:
        span_name = f"{self._attributes[OPERATION_NAME]} {name}"
        span = tracer().start_span(span_name, kind=SpanKind.CLIENT, attributes=self._attributes)
        return ModelCall(span, set_span_in_context(span))
