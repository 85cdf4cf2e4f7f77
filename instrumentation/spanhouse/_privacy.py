"""What leaves the process: exporters that redact, leave out and cut before another exporter sends.

They work in the thread that exports, on what any library recorded, and hand on the same object where nothing changed.
"""

import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from json import JSONEncoder
from typing import Literal, TypeVar, cast, get_args

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import AnyValue

from spanhouse._attribute_classes import is_content, is_standard
from spanhouse._filtered_copies import BODY, Keep, attributes_kept, record_with, span_with
from spanhouse.attributes import OUTPUT_JSON, SESSION_ASSESSMENT, SESSION_STRATEGY_CONFIG, session_results
from spanhouse.errors import SpanhouseError
from spanhouse.redaction import Redactor

Capture = Literal["full", "metadata", "off"]

_Described = TypeVar("_Described", Resource, InstrumentationScope)

MAX_CHARACTERS = 256 * 1024
CAPTURE_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

_CAPTURED = frozenset({"", "true", "1", "span_only", "event_only", "span_and_event"})
_NOT_CAPTURED = frozenset({"false", "0", "no_content"})
# A secret that a cut goes through is found if this much of what follows is looked at.
_BEHIND_THE_CUT = 4096
_SHARED = 64
# JSON that is read as JSON: half of it is none. Whoever records it means all of it.
_RECORDS = frozenset(
    {OUTPUT_JSON, SESSION_ASSESSMENT, SESSION_STRATEGY_CONFIG, session_results("training"), session_results("backtest")}
)
_log = logging.getLogger("spanhouse")


@dataclass(frozen=True)
class Privacy:
    """What may leave: how much content, redacted by what, which attributes, and how long a text.

    `capture` of None is what `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says, otherwise full. `allow` and
    `deny` hold names of attributes, where one that ends in `*` stands for all that begin so; an empty `allow` allows
    all. Raises `SpanhouseError` for what is none of these.
    """

    capture: Capture | None = None
    redactor: Redactor | None = None
    allow: Collection[str] = ()
    deny: Collection[str] = ()
    max_characters: int = MAX_CHARACTERS

    def __post_init__(self) -> None:
        if self.capture not in (None, *get_args(Capture)):
            raise SpanhouseError(f"capture={self.capture!r}: use one of {', '.join(get_args(Capture))}, or None")
        if self.max_characters < 1:
            raise SpanhouseError(f"max_characters={self.max_characters}: use a number above 0")
        for argument, names in (("allow", self.allow), ("deny", self.deny)):
            _check_names(argument, names)

    def spans(self, exporter: SpanExporter) -> SpanExporter:
        """An exporter of what `exporter` may see."""
        return _Spans(exporter, _Filter(self))

    def logs(self, exporter: LogRecordExporter) -> LogRecordExporter:
        """An exporter of what `exporter` may see."""
        return _Logs(exporter, _Filter(self))


def captured(capture: Capture | None) -> Capture:
    """How much content is captured: as was said, otherwise as OpenTelemetry's GenAI variable says, otherwise all.

    What the variable says and nobody understands is not taken for a yes.
    """
    if capture is not None:
        return capture
    said = os.environ.get(CAPTURE_VARIABLE, "").strip().lower()
    if said not in _CAPTURED | _NOT_CAPTURED:
        _log.warning(
            "%s=%s is not known: content is not captured; use true, false or NO_CONTENT", CAPTURE_VARIABLE, said
        )
    return "full" if said in _CAPTURED else "metadata"


class _Spans(SpanExporter):
    def __init__(self, exporter: SpanExporter, kept: "_Filter") -> None:
        self._exporter, self._filter = exporter, kept

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([self._filter.span(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _Logs(LogRecordExporter):
    def __init__(self, exporter: LogRecordExporter, kept: "_Filter") -> None:
        self._exporter, self._filter = exporter, kept

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        return self._exporter.export([self._filter.log(record) for record in batch])

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the SDK leaves it without types

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _Filter:
    """Makes of spans and logs what may leave. Where that fails only what is standard leaves, and `failures` counts."""

    def __init__(self, privacy: Privacy) -> None:
        self.failures = 0
        self._values = _Values(captured(privacy.capture), privacy.redactor, privacy.max_characters)
        self._is_denied = _matcher(privacy.deny)
        self._is_allowed = _matcher(privacy.allow or "*")
        self._rule = lru_cache(maxsize=4096)(self._decide)
        self._shared: dict[tuple[Keep, int], tuple[object, object]] = {}

    def span(self, span: ReadableSpan) -> ReadableSpan:
        try:
            return self._span(span, self._kept)
        except Exception as error:  # noqa: BLE001  the batch must not be lost, nor leave what was not looked at
            self._fail(error)
            return self._span(span, self._bare)

    def log(self, record: ReadableLogRecord) -> ReadableLogRecord:
        try:
            return self._log(record, self._kept)
        except Exception as error:  # noqa: BLE001  as above
            self._fail(error)
            return self._log(record, self._bare)

    def _span(self, span: ReadableSpan, keep: Keep) -> ReadableSpan:
        scope = span.instrumentation_scope
        resource = self._described(span.resource, keep)
        return span_with(span, keep, resource, scope and self._described(scope, keep))

    def _log(self, record: ReadableLogRecord, keep: Keep) -> ReadableLogRecord:
        scope = record.instrumentation_scope
        resource = self._described(record.resource, keep)
        return record_with(record, keep, resource, scope and self._described(scope, keep))

    def _kept(self, name: str, value: AnyValue) -> AnyValue:
        return self._rule(name)(name, value)

    def _bare(self, name: str, value: AnyValue) -> AnyValue:
        return value if is_standard(name) and not self._is_denied(name) else None

    def _decide(self, name: str) -> Keep:
        if self._is_denied(name):
            return _left_out
        if is_standard(name):
            return _as_it_is
        if not self._is_allowed(name):
            return _left_out
        return self._values.content if name == BODY or is_content(name) else self._values.text

    def _described(self, one: _Described, keep: Keep) -> _Described:
        """The resource or the scope with what may leave of its attributes. Thousands of spans share one of each."""
        original, changed = self._shared.get((keep, id(one)), (None, None))
        if original is not one:
            changed = _with_attributes(one, keep)
            if len(self._shared) >= _SHARED:
                self._shared.clear()
            self._shared[keep, id(one)] = one, changed
        return cast("_Described", changed)

    def _fail(self, error: Exception) -> None:
        self.failures += 1
        if self.failures == 1:
            # Its message may hold what was to be redacted.
            _log.warning("redaction failed (%s): such spans and logs leave without their content", type(error).__name__)


class _Values:
    """What is left of a value: its text redacted and cut, and content only as far as it is captured."""

    def __init__(self, capture: Capture, redactor: Redactor | None, max_characters: int) -> None:
        self._capture, self._redactor, self._max = capture, redactor, max_characters

    def content(self, name: str, value: AnyValue) -> AnyValue:
        if self._capture == "full":
            return self.text(name, value)
        if self._capture == "off":
            return None
        return f"[content not captured: {_characters(value)} characters]"

    def text(self, name: str, value: AnyValue) -> AnyValue:
        if value is None or isinstance(value, bool | float):
            return value
        characters = _characters(value)
        if characters > self._max and name not in _RECORDS:
            return self._cut(value, characters)
        return self._redactor.value(value, name) if self._redactor else value

    def _cut(self, value: AnyValue, characters: int) -> str:
        text = value[: self._max + _BEHIND_THE_CUT] if isinstance(value, str) else _json(value, self._max)
        kept = text[: self._max]
        if self._redactor:
            # What stands at the end may be half of a secret, which is not found. It is never kept, wherever that end
            # moves by what was found before it.
            redacted = self._redactor.text(text)
            kept = redacted[: max(0, len(redacted) - _BEHIND_THE_CUT)][: self._max]
        return f"{kept}[cut: the first {len(kept)} of {characters} characters are kept]"


def _with_attributes(one: Resource | InstrumentationScope, keep: Keep) -> Resource | InstrumentationScope:
    attributes = attributes_kept(one.attributes, keep)
    if attributes is one.attributes:
        return one
    if isinstance(one, Resource):
        return Resource(attributes or {}, one.schema_url)
    return InstrumentationScope(one.name, one.version, one.schema_url, attributes)


def _as_it_is(_: str, value: AnyValue) -> AnyValue:
    return value


def _left_out(_: str, __: AnyValue) -> AnyValue:
    return None


def _characters(value: AnyValue) -> int:
    """How much text a value holds."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(key) + _characters(item) for key, item in value.items())
    return sum(map(_characters, value)) if isinstance(value, Sequence) else 0


def _json(value: AnyValue, characters: int) -> str:
    """As much of a value's JSON as is needed to keep so many characters of it."""
    pieces, enough = [], characters + _BEHIND_THE_CUT
    for piece in JSONEncoder(ensure_ascii=False, default=_plain).iterencode(value):
        pieces.append(piece[:enough])
        enough -= len(piece)
        if enough <= 0:
            break
    return "".join(pieces)


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _matcher(names: Collection[str]) -> Callable[[str], bool]:
    exact = frozenset(names)
    beginnings = tuple(name[:-1] for name in names if name.endswith("*"))
    return lambda name: name in exact or name.startswith(beginnings)


def _check_names(argument: str, names: Collection[str]) -> None:
    if isinstance(names, str):
        raise SpanhouseError(f"{argument}={names!r}: use a list of names")
    for name in names:
        if not name or "*" in name[:-1]:
            raise SpanhouseError(f"{argument}: {name!r} is no attribute's name; a * may only stand at its end")
