"""The private names of OpenTelemetry that we use, all of them: where its public interface has no way.

`tests/sdk/test_otel_private.py` uses each on the oldest release that `pyproject.toml` allows, and on the installed one.
`opentelemetry._logs`, `opentelemetry.sdk._logs` and the `_log_exporter` modules do not count: OpenTelemetry documents
these paths for a signal that it calls experimental.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context, set_value

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExporter
    from opentelemetry.sdk.metrics.view import Aggregation
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler

EXPORTER_LOGGERS = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
)
"""The names of the loggers that OTLP exporters write to."""

# The attributes that lead from a provider to the exporters in it.
_INSIDE = (
    "_active_span_processor",
    "_span_processors",
    "_multi_log_record_processor",
    "_log_record_processors",
    "_batch_processor",
    "span_exporter",
    "_exporter",
)


def unseen(context: Context) -> Context:
    """Return the context, in which instrumented HTTP clients record nothing."""
    # The public suppress_instrumentation() loads wrapt: 20 ms that `import spanhouse.budget` has not, and an import in
    # its thread could leave a forked child the import's lock.
    return set_value(_SUPPRESS_INSTRUMENTATION_KEY, True, context)


def is_unset(provider: object) -> bool:
    """Whether a provider is the stand-in of OpenTelemetry's API, which waits for a real one."""
    return type(provider).__module__.startswith(("opentelemetry.trace", "opentelemetry._logs", "opentelemetry.metrics"))


def replace_resource(provider: TracerProvider | LoggerProvider, resource: Resource) -> None:
    """Give a provider, and the tracers and loggers that it has made, the attributes of another resource."""
    provider.resource._attributes = resource._attributes


def endpoints_in(part: object) -> Iterator[str]:
    """Yield where a provider, or a part of one, exports to, as its exporters write it."""
    if isinstance(endpoint := getattr(part, "_endpoint", None), str):
        yield endpoint
    for name in _INSIDE:
        inner = getattr(part, name, None)
        for each in inner if isinstance(inner, tuple) else (inner,):
            if each is not None:
                yield from endpoints_in(each)


def preferences_of(
    exporter: MetricExporter,
) -> tuple[dict[type, AggregationTemporality] | None, dict[type, Aggregation] | None]:
    """Return the temporality and the aggregation that an exporter prefers for each kind of instrument."""
    return exporter._preferred_temporality, exporter._preferred_aggregation


def sampler_named(name: str) -> Sampler | None:
    """Return the sampler that `OTEL_TRACES_SAMPLER` names, of the SDK or of a package; None if it cannot."""
    # The module loads much, and few programs set the variable.
    from opentelemetry.sdk._configuration import _import_sampler  # noqa: PLC0415

    return _import_sampler(name)


def id_generator_named(name: str) -> IdGenerator:
    """Return the id generator that `OTEL_PYTHON_ID_GENERATOR` names. Raises RuntimeError when no package brings it."""
    from opentelemetry.sdk._configuration import _import_id_generator  # noqa: PLC0415

    return _import_id_generator(name)
