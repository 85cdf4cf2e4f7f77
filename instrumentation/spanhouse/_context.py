"""Whose work this is: the execution and the ids that code runs under, as the OpenTelemetry context carries them.

The context follows `await`, task groups and, where it is carried over, threads; so what is read here is right for the
code that asks, and nothing is ever set for "the process".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple, Protocol, cast

from opentelemetry.context import Context, attach, create_key, get_current, set_value
from opentelemetry.trace import Span, get_current_span

_KEY = create_key("spanhouse-attribution")
_ATTACHED = create_key("spanhouse-attached")
_HANDED = "_spanhouse_handed"
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Run(Protocol):
    """A run of this process, as far as what happens inside it needs to know: what its events say of its agent."""

    agent: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Attribution:
    """Which execution code runs in, and what every span and event of it carries.

    `carried` is ready to be set on a span: execution, agent, session, user, client account, engagement, case and flow,
    each by its attribute name. `execution` is None outside of any run of this process. `task` is the id of the task
    that is worked at, or empty.
    """

    carried: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    execution: Run | None = None
    task: str = ""

    def with_(self, ids: Mapping[str, str]) -> Attribution:
        """The same execution, with these attributes beside or instead of the ones that there are."""
        return replace(self, carried={**self.carried, **ids})


UNATTRIBUTED = Attribution()


class Inherited(NamedTuple):
    """What is attached to a context, and the attribution in it: that one, or what a span below it hands down."""

    attached: Attribution
    attribution: Attribution


def current(context: Context | None = None) -> Attribution:
    """The attribution of a context, by default the one that the caller runs in."""
    return inherited(context).attribution


def inherited(context: Context | None = None) -> Inherited:
    """The attribution of a context, and whether it was attached to it.

    Frameworks make their spans current, or say which is whose parent; their contexts are not ours to make. So their
    spans hand it down themselves, to what has nothing attached that is nearer.
    """
    if context is None:
        context = get_current()
    found = context.get(_KEY)
    attached = found if isinstance(found, Attribution) else UNATTRIBUTED
    handed = getattr(get_current_span(context), _HANDED, None)
    if handed is not None and handed.attached is attached:
        return cast("Inherited", handed)
    return Inherited(attached, attached)


def hand_down(span: Span, inherited: Inherited) -> None:
    """Give what runs below a span this attribution."""
    # On the span itself, so that it lives exactly as long.
    setattr(span, _HANDED, inherited)


def carrying(attribution: Attribution, context: Context | None = None) -> Context:
    """A context, by default the caller's, with this attribution."""
    return set_value(_KEY, attribution, context)


class Attached:
    """A context that was made the current one, and how to go back."""

    __slots__ = ("_before", "_context", "_left")

    def __init__(self, context: Context) -> None:
        self._before = get_current()
        self._left = False
        self._context = set_value(_ATTACHED, self, context)
        attach(self._context)

    def leave(self) -> None:
        """Make the one before it current again, if this one still is.

        It is not when a generator was abandoned inside a block, and ends later, somewhere else: what is current there
        is somebody else's and stays, and who leaves that goes back past this one.
        """
        self._left = True
        if get_current() is self._context:
            attach(self._still_open())

    def _still_open(self) -> Context:
        before = self._before
        while isinstance(outer := before.get(_ATTACHED), Attached) and outer._left:
            before = outer._before
        return before


@contextmanager
def attached(context: Context) -> Iterator[None]:
    """Run the block in a context."""
    entered = Attached(context)
    try:
        yield
    finally:
        entered.leave()
