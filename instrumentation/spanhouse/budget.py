"""What may still be spent, asked before an agent runs: `spanhouse.budget.check()`, and a guard that stops it.

No call waits for the answer. An answer of the last seconds counts; a daemon thread fetches the next. If no answer has
been received yet, the policy decides: `open` goes on, `closed` stops. `refresh()` alone waits: it is for the start of a
program, and for work that comes less than once a minute.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from types import TracebackType
from typing import Any, Literal, NamedTuple, ParamSpec, TypeVar, cast, get_args
from urllib.parse import urlencode, urlsplit

from spanhouse import _attribution
from spanhouse._async_context import Block
from spanhouse._polled_answers import Answers
from spanhouse._verdict import WORDS, Budget, Verdict, Word
from spanhouse.attributes import EXECUTION_AGENT_NAME, SESSION_ID, USER_ID
from spanhouse.errors import BudgetExceeded, SpanhouseError

__all__ = ["Budget", "BudgetExceeded", "Verdict", "check", "configure", "guard", "refresh"]

Policy = Literal["open", "closed"]

TIMEOUT_S = 2.0
"""How long the API may take. Only the thread that asks waits for it, and whoever calls `refresh()`."""

_URL = "http://127.0.0.1:8000"
_TTL_S = 5.0
_MAX_ANSWER_BYTES = 1 << 20

_logger = logging.getLogger("spanhouse")

P = ParamSpec("P")
R = TypeVar("R")


def configure(
    api_url: str | None = None, api_key: str | None = None, ttl_s: float = _TTL_S, policy: Policy = "open"
) -> None:
    """Say whom to ask, and what holds where nobody answers. What was heard before is forgotten.

    `api_url` is otherwise that of `SPANHOUSE_API_URL`, or http://127.0.0.1:8000; `api_key` that of `SPANHOUSE_API_KEY`.
    An answer is good for `ttl_s` seconds, and for a minute more while a newer one is fetched.

    Raises SpanhouseError for a URL or a key that is none, a time that is not positive, and a policy that there is not.
    """
    global _api  # noqa: PLW0603 - one for the process, as OpenTelemetry's providers are
    _api = _Api(
        api_url or os.environ.get("SPANHOUSE_API_URL") or _URL,
        api_key or os.environ.get("SPANHOUSE_API_KEY"),
        ttl_s,
        policy,
    )


def check(agent: str | None = None, user: str | None = None, session: str | None = None) -> Verdict:
    """What the budgets of these, and of their tenant, say: as heard last, otherwise as the policy says. Never waits.

    What is left out is of the run and the session that the caller is in. Until the answer is there, what other answers
    said of the same tenant, agent, user or session counts: a new session does not begin in the dark.
    """
    api = _configured()
    whose = _whose(agent, user, session)
    return api.answers.latest(whose) or api.pieced_together(whose) or api.unknown


def refresh(
    agent: str | None = None, user: str | None = None, session: str | None = None, *, timeout_s: float = TIMEOUT_S
) -> Verdict:
    """The same, asked anew: wait for the answer, `timeout_s` seconds at the most. `check()` then knows it.

    In asyncio: `await asyncio.to_thread(budget.refresh)`.
    """
    return _configured().answers.fetched(_whose(agent, user, session), timeout_s) or check(agent, user, session)


class guard(Block[Verdict]):  # noqa: N801 - it is called as a function is
    """Run a block or a function only while there is budget: `with guard(agent="planner") as verdict:`, or `@guard()`.

    It asks whenever the block is entered or the function called, as `check()` does, and raises BudgetExceeded at
    `stop`. Written above `@spanhouse.agent`, a call that it refuses is no run; below it, a failed one.
    """

    def __init__(self, agent: str | None = None, user: str | None = None, session: str | None = None) -> None:
        if callable(agent):
            raise SpanhouseError(f"@guard is given {agent!r}: write @guard() or @guard(agent=...) above the function")
        self._of = (agent, user, session)

    def __enter__(self) -> Verdict:
        verdict = check(*self._of)
        if not verdict.allowed:
            raise BudgetExceeded(_reason(verdict), verdict)
        return verdict

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave nothing to be undone."""

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """The same function, which asks first."""
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def guarded_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", guarded_coroutine)

        @wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return guarded


class _Whose(NamedTuple):
    """Whose budgets: what the API is asked."""

    agent: str | None
    user: str | None
    session: str | None


class _Api:
    """Where budgets are asked, what was answered, and what holds without an answer."""

    def __init__(self, url: str, key: str | None, ttl_s: float, policy: Policy) -> None:
        if not _is_address(url):
            raise SpanhouseError(f"budgets cannot be asked at {url!r}: say a URL such as http://127.0.0.1:8000")
        if key and not (key.isascii() and key.isprintable()):
            raise SpanhouseError("the API key holds characters that no key has, a line break perhaps")
        if not ttl_s > 0:
            raise SpanhouseError(f"ttl_s is {ttl_s!r}: say for how many seconds an answer is good, such as 5")
        if policy not in get_args(Policy):
            raise SpanhouseError(f"policy is {policy!r}: say 'open' or 'closed'")
        self.unknown = Verdict("allow" if policy == "open" else "stop", known=False)
        self.answers = Answers(
            self._ask, ttl_s=ttl_s, whom=f"no budget from {url}, so the policy '{policy}' answers once nothing is known"
        )
        self._url = f"{url.rstrip('/')}/api/v1/budgets/check"
        self._headers = {"accept": "application/json", **({"x-api-key": key} if key else {})}

    def pieced_together(self, whose: _Whose) -> Verdict | None:
        """What answers to other questions said of these; None where they said nothing."""
        named = {*whose._asdict().items()}
        known = {
            (budget.scope, budget.scope_id, budget.period): budget
            for verdict in self.answers.that_count()
            for budget in verdict.budgets
            if budget.scope == "tenant" or (budget.scope, budget.scope_id) in named
        }
        words = [budget.verdict for budget in known.values()]
        return Verdict(max(words, key=WORDS.index), tuple(known.values())) if words else None

    def _ask(self, whose: _Whose) -> Verdict:
        from spanhouse._http import get  # noqa: PLC0415  # it takes longer to load than any but this thread may wait

        asked = {name: value for name, value in whose._asdict().items() if value}
        body = get(f"{self._url}?{urlencode(asked)}", self._headers, timeout_s=TIMEOUT_S, max_bytes=_MAX_ANSWER_BYTES)
        return _read(json.loads(body))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _whose(agent: str | None, user: str | None, session: str | None) -> _Whose:
    carried = _attribution.of().carried
    return _Whose(
        agent or carried.get(EXECUTION_AGENT_NAME), user or carried.get(USER_ID), session or carried.get(SESSION_ID)
    )


def _read(answer: Any) -> Verdict:
    """The API's answer. Raises whatever, where it is none."""
    return Verdict(_word(answer["verdict"]), tuple(_budget(each) for each in answer["budgets"]))


def _budget(row: Any) -> Budget:
    return Budget(
        str(row["scope"]),
        str(row["scope_id"]),
        str(row["period"]),
        _amount(row["limit_usd"]),
        _amount(row["used_usd"]),
        _amount(row["remaining_usd"]),
        _word(row["verdict"]),
    )


def _word(text: Any) -> Word:
    return WORDS[WORDS.index(text)]


def _amount(text: str | None) -> Decimal | None:
    amount = None if text is None else Decimal(text)
    if amount is not None and not amount.is_finite():
        raise ValueError(f"{text} is not an amount")
    return amount


def _reason(verdict: Verdict) -> str:
    if not verdict.known:
        return "nobody has said what may be spent, and then the policy 'closed' lets nothing run: is the budget API up?"
    spent = "; ".join(str(budget) for budget in verdict.budgets if budget.verdict == "stop") or "the budget is spent"
    return f"{spent}. Raise the limit with `spanhouse budgets set`, or wait until its time is over"


_api: _Api | None = None


def _configured() -> _Api:
    global _api  # noqa: PLW0603 - see configure()
    if _api is None:
        try:
            configure()
        except SpanhouseError as error:
            # Of the environment, and so nobody's who calls.
            _logger.warning("SPANHOUSE_API_URL and SPANHOUSE_API_KEY are not used: %s", error)
            _api = _Api(_URL, None, _TTL_S, "open")
    assert _api is not None
    return _api


def _forked() -> None:
    if _api is not None:
        _api.answers.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
