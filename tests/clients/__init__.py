"""Clients that people really use, at a running Spanhouse."""
