"""Spans and log records with less in them: new objects where something changed, the same ones where nothing did."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from operator import is_
from typing import TypeVar, cast

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Status
from opentelemetry.util.types import AnyValue

Attributes = Mapping[str, AnyValue] | None
Keep = Callable[[str, AnyValue], AnyValue]
"""What is left of the value of the attribute of that name; None where it does not leave."""

BODY = "body"
"""What a log's body is called where it is asked for like an attribute."""

_STATUS_DESCRIPTION = "exception.message"
_Item = TypeVar("_Item")


def span_with(span: ReadableSpan, keep: Keep, resource: Resource, scope: InstrumentationScope | None) -> ReadableSpan:
    """The span with this resource and scope, and of everything else what `keep` leaves."""
    seen = span.attributes, span.events, span.links, span.status, span.resource, span.instrumentation_scope
    attributes = attributes_kept(seen[0], keep)
    events = _each(seen[1], lambda event: _event(event, keep))
    links = _each(seen[2], lambda link: _link(link, keep))
    status = _status(seen[3], keep)
    if all(map(is_, seen, (attributes, events, links, status, resource, scope))):
        return span
    return _Span(span, attributes=attributes, events=events, links=links, status=status, resource=resource, scope=scope)


def record_with(
    record: ReadableLogRecord, keep: Keep, resource: Resource, scope: InstrumentationScope | None
) -> ReadableLogRecord:
    """The log record with this resource and scope, and of everything else what `keep` leaves."""
    seen = record.log_record.body, record.log_record.attributes, record.resource, record.instrumentation_scope
    body = seen[0] if seen[0] is None else keep(BODY, seen[0])
    attributes = attributes_kept(seen[1], keep)
    if all(map(is_, seen, (body, attributes, resource, scope))):
        return record
    # A copy, since the constructor takes ids from a context, and the record may have them from elsewhere.
    changed = copy(record.log_record)
    changed.body, changed.attributes, changed.exception = body, attributes, None
    return _Record(changed, resource, scope, record.limits, record.dropped_attributes)


def attributes_kept(attributes: Attributes, keep: Keep) -> Attributes:
    """What `keep` leaves of attributes; the same object where it leaves all as they are."""
    if not attributes:
        return attributes
    kept = {name: keep(name, value) for name, value in attributes.items()}
    if all(map(is_, kept.values(), attributes.values())):
        return attributes
    return {name: value for name, value in kept.items() if value is not None}


def _event(event: Event, keep: Keep) -> Event:
    attributes = attributes_kept(event.attributes, keep)
    return event if attributes is event.attributes else _Event(event, attributes)


def _link(link: Link, keep: Keep) -> Link:
    attributes = attributes_kept(link.attributes, keep)
    return link if attributes is link.attributes else _Link(link, attributes)


def _status(status: Status, keep: Keep) -> Status:
    # It says what the exception said.
    description = keep(_STATUS_DESCRIPTION, status.description) if status.description else status.description
    return status if description is status.description else Status(status.status_code, cast("str | None", description))


def _each(items: Sequence[_Item], change: Callable[[_Item], _Item]) -> Sequence[_Item]:
    changed = [change(item) for item in items]
    return items if all(map(is_, changed, items)) else changed


# The SDK counts what it dropped in containers of its own; these carry the counts over.


class _Span(ReadableSpan):
    def __init__(
        self,
        span: ReadableSpan,
        *,
        attributes: Attributes,
        events: Sequence[Event],
        links: Sequence[Link],
        status: Status,
        resource: Resource,
        scope: InstrumentationScope | None,
    ) -> None:
        super().__init__(
            name=span.name,
            context=span.get_span_context(),
            parent=span.parent,
            resource=resource,
            attributes=attributes,
            events=events,
            links=links,
            kind=span.kind,
            status=status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=scope,
        )
        self._dropped = span.dropped_attributes, span.dropped_events, span.dropped_links

    @property
    def dropped_attributes(self) -> int:
        return self._dropped[0]

    @property
    def dropped_events(self) -> int:
        return self._dropped[1]

    @property
    def dropped_links(self) -> int:
        return self._dropped[2]


class _Event(Event):
    def __init__(self, event: Event, attributes: Attributes) -> None:
        super().__init__(event.name, attributes, event.timestamp)
        self._dropped = event.dropped_attributes

    @property
    def dropped_attributes(self) -> int:
        return self._dropped


class _Link(Link):
    def __init__(self, link: Link, attributes: Attributes) -> None:
        super().__init__(link.context, attributes)
        self._dropped = link.dropped_attributes

    @property
    def dropped_attributes(self) -> int:
        return self._dropped


@dataclass(frozen=True)
class _Record(ReadableLogRecord):
    dropped: int = 0

    @property
    def dropped_attributes(self) -> int:
        return self.dropped
