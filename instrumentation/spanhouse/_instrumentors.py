"""Turn on what records frameworks and clients: installed instrumentors, and frameworks that record themselves."""

import logging
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import EntryPoint, entry_points
from os import environ
from types import ModuleType

from opentelemetry.instrumentation.dependencies import DependencyConflictError, get_dist_dependency_conflicts
from opentelemetry.instrumentation.environment_variables import OTEL_PYTHON_DISABLED_INSTRUMENTATIONS
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from packaging.requirements import Requirement
from wrapt import register_post_import_hook

from spanhouse.errors import SpanhouseError

_log = logging.getLogger("spanhouse")
_GROUP = "opentelemetry_instrumentor"
_THREADING = "threading"
_EXTRAS = ("instruments", "instruments-any")

# Frameworks that record themselves once they are told to: in which module, and how. init() imports none of them: they
# are told when the program imports them. What they capture passes the same filter as everything else.
SWITCHES: dict[str, tuple[str, Callable[[ModuleType], object]]] = {
    "agent_framework": (
        "agent_framework.observability",
        lambda module: module.enable_instrumentation(enable_sensitive_data=True),
    ),
    "pydantic_ai": ("pydantic_ai", lambda module: module.Agent.instrument_all()),
}


@dataclass(frozen=True)
class Instrumentor:
    """An instrumentor that is installed."""

    entry_point: EntryPoint

    @property
    def name(self) -> str:
        """What it is called in `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS` and in `init(instrument=...)`."""
        return self.entry_point.name

    @cached_property
    def libraries(self) -> frozenset[str]:
        """The distributions that it instruments, by normalised name."""
        found = (Requirement(text) for text in self._requires if "extra" in text)
        return frozenset(
            _normal(each.name)
            for each in found
            if each.marker and any(each.marker.evaluate({"extra": extra}) for extra in _EXTRAS)
        )

    @cached_property
    def family(self) -> str:
        """Whose it is. OpenLLMetry's packages are named as OpenTelemetry's, and all require its list of names."""
        if self.entry_point.dist and _normal(self.entry_point.dist.name).startswith("openinference-"):
            return "openinference"
        if any(_normal(text).startswith("opentelemetry-semantic-conventions-ai") for text in self._requires):
            return "openllmetry"
        return "opentelemetry"

    @property
    def _requires(self) -> Iterable[str]:
        return (self.entry_point.dist.requires if self.entry_point.dist else None) or ()


# Where two families instrument one library, the first one records: OpenInference and OpenLLMetry tell of messages,
# tools and tokens as they come, OpenTelemetry's own leaves content out until a variable asks for it. OpenInference goes
# first because it covers most frameworks, so that the spans of one program speak one convention.
_PREFERRED = ("openinference", "openllmetry", "opentelemetry")
# OpenInference's does not make its spans current: what instruments a model's client then tells of each call once more,
# in a trace of its own.
_PREFERRED_BY_NAME = {"langchain": "opentelemetry"}


def chosen(instrument: bool | Collection[str]) -> list[Instrumentor | str]:  # what init() was given
    """Which instrumentors, and which frameworks by name, are to be turned on.

    Raises SpanhouseError where a name stands for none that is installed.
    """
    disabled = {name.strip() for name in environ.get(OTEL_PYTHON_DISABLED_INSTRUMENTATIONS, "").split(",")}
    if "*" in disabled or instrument is False:
        return []
    installed = [Instrumentor(each) for each in entry_points(group=_GROUP) if each.name != _THREADING]
    known: list[Instrumentor | str] = [*_one_for_each_library(installed), *SWITCHES]
    if instrument is not True:
        _check(instrument, installed)
        wanted = {_normal(name) for name in instrument}
        known = [each for each in known if _normal(_name(each)) in wanted]
    return [each for each in known if _name(each) not in disabled]


def turn_on(these: Iterable[Instrumentor | str]) -> None:
    """Turn them on, and have contexts follow into threads and executors. One that fails is left out, and named."""
    disabled = environ.get(OTEL_PYTHON_DISABLED_INSTRUMENTATIONS, "")
    if _THREADING not in {name.strip() for name in disabled.split(",")}:
        _attempt(_THREADING, lambda: _instrument(ThreadingInstrumentor()))
    for each in these:
        if isinstance(each, str):
            register_post_import_hook(_switching(each), SWITCHES[each][0])
        else:
            _attempt(each.name, partial(_load, each.entry_point))


def _one_for_each_library(installed: Iterable[Instrumentor]) -> list[Instrumentor]:
    taken: dict[str, str] = {}
    kept = []
    for each in sorted(installed, key=_rank):
        if each.entry_point.dist and (conflict := get_dist_dependency_conflicts(each.entry_point.dist)):
            _log.debug("Spanhouse: %s is left out: %s", each.name, conflict)
            continue
        # One family may have several for parts of a library: client and server of gRPC, services of boto3.
        # Some name the distribution that the library stands on; then what they are called themselves is the same.
        libraries = {*each.libraries, _normal(each.name)}
        if all(taken.setdefault(library, each.family) == each.family for library in libraries):
            kept.append(each)
        else:
            _log.debug("Spanhouse: %s of %s is left out, another one records its library", each.name, each.family)
    return kept


def _rank(each: Instrumentor) -> tuple[int, str]:
    best = _PREFERRED_BY_NAME.get(each.name) == each.family
    return -1 if best else _PREFERRED.index(each.family), each.name


def _check(names: Collection[str], installed: Iterable[Instrumentor]) -> None:
    there = {_normal(each.name) for each in installed} | {_normal(name) for name in SWITCHES}
    if unknown := sorted(name for name in names if _normal(name) not in there):
        raise SpanhouseError(
            f"instrument names {', '.join(unknown)}, for which no instrumentor is installed; there are"
            f" {', '.join(sorted(there))}. Install one: pip install openinference-instrumentation-{unknown[0]}"
        )


def _switching(name: str) -> Callable[[ModuleType], None]:
    return lambda module: _attempt(name, lambda: SWITCHES[name][1](module))


def _load(entry_point: EntryPoint) -> None:
    _instrument(entry_point.load()())


def _instrument(instrumentor: object) -> None:
    if getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
        return
    instrumentor.instrument(raise_exception_on_conflict=True)  # type: ignore[attr-defined]  # the group's contract


def _attempt(name: str, turn: Callable[[], object]) -> None:
    try:
        turn()
    except (DependencyConflictError, ModuleNotFoundError) as error:
        _log.debug("Spanhouse: %s is left out: %s", name, error)
    # Instrumentors are other people's code that takes other people's code apart; the agent runs without one, too.
    except Exception as error:  # noqa: BLE001
        _log.warning("Spanhouse: the instrumentor %s failed and is left out: %r", name, error)


def _name(each: Instrumentor | str) -> str:
    return each if isinstance(each, str) else each.name


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
