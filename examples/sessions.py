"""A cycle of research: a session with phases, numbers and an outcome. A trigger and the budget decide what runs.

Where the API cannot be asked what is left of the budget, the policy answers: open, unless told otherwise.
"""

import spanhouse
from spanhouse import budget

spanhouse.init(service="cycles")


@budget.guard()
@spanhouse.agent("designer")
def design() -> dict[str, float]:
    """Design a strategy. Where the budget is spent, this raises BudgetExceeded and is no run."""
    return {"threshold": 0.7}


with spanhouse.session("cycle-42", user="u7", client_account="acme") as cycle:
    # Otherwise nobody ever waits, and the first decision is the policy's.
    budget.refresh()
    decision = spanhouse.trigger("start_new_cycle", context={"market": "open"})
    if decision:
        cycle.phase("designing")
        cycle.strategy("breakout", config=design())
        cycle.phase("backtesting")
        cycle.metrics(backtest_sharpe=1.4, trades=31)
        cycle.assess(True, "it earns more than it risks")
        cycle.complete("success")
    print(decision.skip_reason or "done")
