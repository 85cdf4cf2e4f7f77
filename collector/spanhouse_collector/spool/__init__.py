"""Acknowledged requests on disk, until they are rows."""
