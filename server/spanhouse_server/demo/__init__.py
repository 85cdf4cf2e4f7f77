"""The workload of `spanhouse demo`, and what sends it."""
