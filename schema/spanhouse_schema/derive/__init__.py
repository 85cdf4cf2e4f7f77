"""What raw rows come to: executions, calls, costs, days, budgets, patterns."""
