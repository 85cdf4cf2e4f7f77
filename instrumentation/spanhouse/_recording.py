"""A span that is open: what a `with` block gives, and what a decorated function is recorded in."""

import os
from typing import ClassVar

from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from spanhouse import _capture
from spanhouse._context import Attached
from spanhouse.attributes import ERROR_TYPE, INPUT_VALUE, OUTPUT_VALUE


class Recording:
    """What is being done, as a span; set on it what is known of it.

    `span` is OpenTelemetry's, `context` the one in which the block runs. All methods may be called from any thread, and
    do nothing once it has ended.
    """

    __slots__ = ("__weakref__", "_attached", "_pid", "context", "span")

    input_attribute: ClassVar[str] = INPUT_VALUE
    output_attribute: ClassVar[str] = OUTPUT_VALUE

    def __init__(self, span: Span, context: Context) -> None:
        self.span = span
        self.context = context
        self._attached: Attached | None = None
        self._pid = os.getpid()

    def input(self, value: object) -> None:
        """Record what was given: a text as it is, anything else as JSON."""
        if _capture.wanted():
            self.span.set_attribute(self.input_attribute, _capture.to_json(value))

    def output(self, value: object) -> None:
        """Record what came out: a text as it is, anything else as JSON."""
        if _capture.wanted():
            self.span.set_attribute(self.output_attribute, _capture.to_json(value))

    def returned(self, result: object) -> None:
        """Record what a decorated function returned, or yielded."""
        if result is not None:
            self.output(result)

    def set(self, name: str, value: AttributeValue) -> None:
        """Set any attribute of the span."""
        self.span.set_attribute(name, value)

    def enter(self) -> None:
        """Make its context the current one."""
        self._attached = Attached(self.context)

    def end(self, error: BaseException | None = None) -> None:
        """End the span, as failed where an `Exception` is given; what is cancelled or interrupted has not failed."""
        if self._attached:
            self._attached.leave()
        # The child of a fork leaves the block as well, but what it has of the span is its parent's.
        if self._pid == os.getpid():
            self.conclude(error)
            self.span.end()

    def conclude(self, error: BaseException | None) -> None:
        """Record how it ended, on the span that is about to."""
        if isinstance(error, Exception):
            self.span.record_exception(error)
            self.mark_failed(str(error), type_name(error))

    def mark_failed(self, message: str, error_type: str) -> None:
        """Set the span's status, and what kind of error it was."""
        self.span.set_status(Status(StatusCode.ERROR, message))
        self.span.set_attribute(ERROR_TYPE, error_type)


def type_name(error: BaseException) -> str:
    """The name of an exception's class, with its module unless it is built in."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
