"""Tests of the database, its tables, its settings and its control database."""
