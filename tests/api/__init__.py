"""Tests of the SQL door."""
