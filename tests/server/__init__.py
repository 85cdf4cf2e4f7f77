"""Tests of the processes: how they serve."""
