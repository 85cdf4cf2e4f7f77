"""Print whether flush() and shutdown() say that a span arrived, and what was dropped. sys.argv: a URL."""

import sys

import spanhouse

spanhouse.init(endpoint=sys.argv[1], instrument=False)
with spanhouse.tool("any"):
    pass
print(spanhouse.flush(0.5), spanhouse.shutdown(0.5), spanhouse.dropped()["spans"])
