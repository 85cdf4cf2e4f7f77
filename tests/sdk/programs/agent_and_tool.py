"""A run with a call of a tool in it, with every instrumentor that is installed. sys.argv: a URL."""

import sys

import spanhouse

spanhouse.init("researcher", endpoint=sys.argv[1], resource={"deployment.environment.name": "test"})
with spanhouse.agent("writer"), spanhouse.tool("search"):
    pass
