"""A budget and a verdict, as the API says them: pure data, that an error and the records hold too."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import inf
from typing import Literal, get_args

Word = Literal["allow", "warn", "stop"]

WORDS: tuple[Word, ...] = get_args(Word)
"""From the mildest to the sternest."""

_NOW = {"day": "today", "week": "this week", "month": "this month"}


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit: what may be spent, what was, and what is left, in USD. None is unknown; as a limit it is no limit.

    `scope` is tenant, agent, user or session, and `scope_id` which one; `period` is day, week or month.
    """

    scope: str
    scope_id: str
    period: str
    limit_usd: Decimal | None
    used_usd: Decimal | None
    remaining_usd: Decimal | None
    verdict: Word

    def __str__(self) -> str:
        whose = f"{self.scope} {self.scope_id}" if self.scope_id else f"the {self.scope}"
        limit = f"{_usd(self.limit_usd)} USD" if self.limit_usd is not None else "no limit"
        return f"{whose} has spent {_usd(self.used_usd)} of {limit} {_NOW.get(self.period, self.period)}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an agent should do now: `allow`, `warn` (most is spent, or nobody knows how much) or `stop`.

    `budgets` are the limits that it comes from. `known` is false when no answer has been received and the policy
    decided; then there are none.
    """

    verdict: Word
    budgets: tuple[Budget, ...] = ()
    known: bool = True

    @property
    def allowed(self) -> bool:
        """Whether to go on."""
        return self.verdict != "stop"

    @property
    def tightest(self) -> Budget | None:
        """The budget that decides: of those with the sternest verdict, the one of which least is left."""
        return min(self.budgets, key=_ease, default=None)


def _ease(budget: Budget) -> tuple[int, Decimal | float]:
    return -WORDS.index(budget.verdict), inf if budget.remaining_usd is None else budget.remaining_usd


def _usd(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{amount.normalize():f}"
