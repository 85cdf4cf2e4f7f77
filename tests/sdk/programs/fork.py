"""A fork inside a run; both sides go on with it. sys.argv: a URL."""

import os
import sys

import spanhouse

spanhouse.init(endpoint=sys.argv[1], instrument=False)
with spanhouse.agent("parent"):
    with spanhouse.tool("before"):
        pass
    child = os.fork()
    if not child:
        with spanhouse.tool("in the child"):
            pass
        sys.exit()
    os.waitpid(child, 0)
