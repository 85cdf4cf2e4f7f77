"""A run that goes on until its standard input ends, and is then lost with its process. sys.argv: a URL."""

import os
import sys

import spanhouse

spanhouse.init(endpoint=sys.argv[1], instrument=False)
with spanhouse.agent("long"):
    with spanhouse.tool("first"):
        pass
    sys.stdin.read()
    os._exit(0)
