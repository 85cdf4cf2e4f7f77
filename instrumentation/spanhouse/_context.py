"""Whose work this is: the execution and the ids that code runs under, as the OpenTelemetry context carries them.

The context follows `await`, task groups and, where it is carried over, threads; so what is read here is right for the
code that asks, and nothing is ever set for "the process".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach, create_key, detach, get_value, set_value

if TYPE_CHECKING:
    from spanhouse.execution import Execution

_KEY = create_key("spanhouse-attribution")
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Attribution:
    """Which execution code runs in, and what every span and event of it carries.

    `carried` is ready to be set on a span: execution, agent, session, user, client account, engagement, case and flow,
    each by its attribute name. `execution` is None outside of any run of this process.
    """

    carried: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    execution: Execution | None = None

    def with_(self, ids: Mapping[str, str]) -> Attribution:
        """The same execution, with these attributes beside or instead of the ones that there are."""
        return Attribution({**self.carried, **ids}, self.execution)


UNATTRIBUTED = Attribution()


def current(context: Context | None = None) -> Attribution:
    """The attribution of a context, by default the one that the caller runs in."""
    found = get_value(_KEY, context)
    return found if isinstance(found, Attribution) else UNATTRIBUTED


def carrying(attribution: Attribution, context: Context | None = None) -> Context:
    """A context, by default the caller's, with this attribution."""
    return set_value(_KEY, attribution, context)


@contextmanager
def attached(context: Context) -> Iterator[None]:
    """Run the block in a context."""
    token = attach(context)
    try:
        yield
    finally:
        detach(token)
