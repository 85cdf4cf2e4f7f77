"""Tests of spanhouse_web: what the receivers and the doors share of HTTP."""
