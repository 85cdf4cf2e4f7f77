"""Set on every span, from whatever library, whose work it is; and carry that over process boundaries."""

from collections.abc import Collection, Mapping

from opentelemetry import baggage
from opentelemetry.context import Context

from spanhouse import _context
from spanhouse._context import UNATTRIBUTED, Attribution
from spanhouse.attributes import (
    CASE_ID,
    CLIENT_ACCOUNT_ID,
    CONVERSATION_ID,
    ENGAGEMENT_ID,
    EXECUTION_AGENT_NAME,
    EXECUTION_ID,
    FLOW_ID,
    SESSION_ID,
    USER_ID,
)
from spanhouse.errors import SpanhouseError

# What may be let out of the process, by the word for it.
PROPAGATED: Mapping[str, tuple[str, ...]] = {
    "execution": (EXECUTION_ID, EXECUTION_AGENT_NAME),
    "session": (SESSION_ID,),
    "user": (USER_ID,),
    "client_account": (CLIENT_ACCOUNT_ID,),
    "engagement": (ENGAGEMENT_ID,),
    "case": (CASE_ID,),
    "flow": (FLOW_ID,),
}
_allowed: frozenset[str] = frozenset()


def configure(propagate: Collection[str]) -> None:
    """Say what leaves this process in W3C baggage, and is taken from it: words of `PROPAGATED`.

    Raises SpanhouseError for any other word.
    """
    global _allowed  # noqa: PLW0603  # one setting of the process, set by init()
    if unknown := set(propagate) - set(PROPAGATED):
        raise SpanhouseError(f"propagate names {', '.join(sorted(unknown))}; it may name {', '.join(PROPAGATED)}")
    _allowed = frozenset(name for word in propagate for name in PROPAGATED[word])


def of(context: Context | None = None) -> Attribution:
    """Whose work is done in a context, by default the caller's: as is known here, or as the caller's process says."""
    known = _context.current(context)
    return told(context) if known is UNATTRIBUTED else known


def told(context: Context | None = None) -> Attribution:
    """Whose work is done in a context, by default the caller's, as the caller's process says."""
    said = baggage.get_all(context)
    if not said:
        return UNATTRIBUTED
    carried = {name: str(said[name]) for name in _allowed if name in said}
    if SESSION_ID in carried:
        carried[CONVERSATION_ID] = carried[SESSION_ID]
    return Attribution(carried) if carried else UNATTRIBUTED


def entering(attribution: Attribution, context: Context | None = None) -> Context:
    """A context, by default the caller's, in which spans carry this attribution, and requests what of it may leave."""
    context = _context.carrying(attribution, context)
    for name in _allowed:
        if name in attribution.carried and baggage.get_baggage(name, context) != attribution.carried[name]:
            context = baggage.set_baggage(name, attribution.carried[name], context)
    return context
