"""Send an event: an OpenTelemetry log record with a name of ours, through whatever logger provider there is."""

import functools
from collections.abc import Mapping
from time import time_ns
from uuid import uuid4

from opentelemetry._logs import Logger, SeverityNumber, get_logger
from opentelemetry.context import Context
from opentelemetry.util.types import AnyValue

from spanhouse import _attribution
from spanhouse.attributes import EVENT_ID


@functools.cache
def logger() -> Logger:
    """Where our events go; asked for with the first of them, when there is a provider."""
    return get_logger("spanhouse")


def emit(
    name: str,
    attributes: Mapping[str, AnyValue] | None = None,
    *,
    body: str | None = None,
    context: Context | None = None,
) -> None:
    """Send the event `name`, such as `spanhouse.trigger`, now.

    It is of the execution, the session and the user that `context` (by default the caller's) runs under, unless
    `attributes` say otherwise, and carries an id, so that it counts once however often it is delivered. An attribute
    that is None is not said; one that is empty takes away what the context would say.
    """
    attribution = _attribution.of(context)
    agent = attribution.execution.agent if attribution.execution else {}
    said = {EVENT_ID: uuid4().hex, **agent, **attribution.carried, **_given(attributes or {})}
    logger().emit(
        timestamp=time_ns(),
        context=context,
        severity_number=SeverityNumber.INFO,
        severity_text="INFO",
        body=body,
        attributes={key: value for key, value in said.items() if value != ""},
        event_name=name,
    )


def _given(attributes: Mapping[str, AnyValue]) -> dict[str, AnyValue]:
    return {key: value for key, value in attributes.items() if value is not None}
