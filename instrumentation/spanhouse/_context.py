"""Whose work this is: the execution and the ids that code runs under, as the OpenTelemetry context carries them.

The context follows `await`, task groups and, where it is carried over, threads; so what is read here is right for the
code that asks, and nothing is ever set for "the process".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import Token
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach, create_key, get_current, get_value, set_value

if TYPE_CHECKING:
    from spanhouse.execution import Execution

_KEY = create_key("spanhouse-attribution")
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Attribution:
    """Which execution code runs in, and what every span and event of it carries.

    `carried` is ready to be set on a span: execution, agent, session, user, client account, engagement, case and flow,
    each by its attribute name. `execution` is None outside of any run of this process. `task` is the id of the task
    that is worked at, or empty.
    """

    carried: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    execution: Execution | None = None
    task: str = ""

    def with_(self, ids: Mapping[str, str]) -> Attribution:
        """The same execution, with these attributes beside or instead of the ones that there are."""
        return replace(self, carried={**self.carried, **ids})


UNATTRIBUTED = Attribution()


def current(context: Context | None = None) -> Attribution:
    """The attribution of a context, by default the one that the caller runs in."""
    found = get_value(_KEY, context)
    return found if isinstance(found, Attribution) else UNATTRIBUTED


def carrying(attribution: Attribution, context: Context | None = None) -> Context:
    """A context, by default the caller's, with this attribution."""
    return set_value(_KEY, attribution, context)


@dataclass(frozen=True, slots=True)
class Attached:
    """A context that was made the current one, and how to go back."""

    context: Context
    token: Token[Context]

    @classmethod
    def now(cls, context: Context) -> Attached:
        """Make a context the current one."""
        return cls(context, attach(context))

    def leave(self) -> None:
        """Make the one before it current again, if this one still is.

        It is not when a generator was abandoned inside a block and ends somewhere else, later: then whatever is current
        is somebody else's, and stays.
        """
        if get_current() is self.context:
            # The generator ends in another thread or task, which happens to run in the same context.
            with suppress(ValueError):
                self.token.var.reset(self.token)


@contextmanager
def attached(context: Context) -> Iterator[None]:
    """Run the block in a context."""
    entered = Attached.now(context)
    try:
        yield
    finally:
        entered.leave()
