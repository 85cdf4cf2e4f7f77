"""A tool whose argument is an address. sys.argv: a URL, what to capture."""

import sys

import spanhouse


@spanhouse.tool
def write(to: str) -> str:
    """Say that it is written."""
    return f"to {len(to)} characters"


url, capture = sys.argv[1:]
spanhouse.init(endpoint=url, capture=capture, instrument=False)  # type: ignore[arg-type]  # a text that is one of them
write("ann@example.com")
