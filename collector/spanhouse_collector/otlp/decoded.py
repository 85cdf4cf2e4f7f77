"""What decoding a request gives, whatever it was written in, and which spans are left out of it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import orjson

from spanhouse_collector.spool.envelope import Refusal

NO_TRACE = bytes(16)
NO_SPAN = bytes(8)

_NAMED_LIMIT = 1000
_TEXT_LIMIT = 64 * 1024
_ALWAYS_KEPT = ("traceId", "spanId", "parentSpanId", "kind", "startTimeUnixNano", "endTimeUnixNano")


class Decoded(NamedTuple):
    """A request to be stored: OTLP protobuf without nested values, and what was taken out of it.

    `items` counts the spans, records or points that `payload` holds, `reasons` those that it does not, by reason.
    """

    payload: bytes
    items: int
    refused: Sequence[Refusal] = ()
    reasons: Mapping[str, int] = MappingProxyType({})

    @property
    def rejected(self) -> int:
        """How many spans, records or points were taken out."""
        return sum(self.reasons.values())


class Refusals:
    """The spans taken out of one request: the first thousand with their text, the others as a number."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self._named: list[Refusal] = []

    def add(self, reason: str, item: Callable[[], str]) -> None:
        """Take a span down; `item` is asked for its text only when that is kept."""
        self.reasons[reason] += 1
        if len(self._named) < _NAMED_LIMIT:
            self._named.append(Refusal(reason, item()))

    def listed(self) -> list[Refusal]:
        """Return the refusals to be stored; the last one may stand for many."""
        unnamed = self.reasons.total() - len(self._named)
        if not unnamed:
            return self._named
        return [*self._named, Refusal(f"{unnamed} more spans of this request have no valid ids", "")]


def why_refused(trace_id: bytes, span_id: bytes) -> str | None:
    """Say what is wrong with a span's ids; None when they tell it apart from other spans."""
    if len(trace_id) != len(NO_TRACE):
        return "the trace id is not 16 bytes"
    if trace_id == NO_TRACE:
        return "the trace id is zero"
    if len(span_id) != len(NO_SPAN):
        return "the span id is not 8 bytes"
    if span_id == NO_SPAN:
        return "the span id is zero"
    return None


def span_text(span: Mapping[str, object]) -> str:
    """Return a refused span as OTLP/JSON; of one over 64 KiB its ids, kind and times, and the start of its name."""
    text = orjson.dumps(span)
    if len(text) > _TEXT_LIMIT:
        short = {name: str(span[name])[:100] for name in _ALWAYS_KEPT if name in span}
        text = orjson.dumps({**short, "name": str(span.get("name", ""))[:1000]})
    return text.decode()
