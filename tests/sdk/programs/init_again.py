"""init() three times, the third time for another service. sys.argv: a URL."""

import sys

import spanhouse

spanhouse.init("one", endpoint=sys.argv[1], instrument=False)
spanhouse.init("one", endpoint=sys.argv[1], instrument=False)
print("said nothing", file=sys.stderr)
spanhouse.init("two", endpoint=sys.argv[1], instrument=False)
with spanhouse.tool("any"):
    pass
