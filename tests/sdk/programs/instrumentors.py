"""Print what the instrumentors of a test say is turned on. sys.argv: what init() is to turn on, JSON."""

import json
import sys

import spanhouse

spanhouse.init(endpoint="http://127.0.0.1:9", instrument=json.loads(sys.argv[1]))
print(*getattr(sys, "turned_on", []))
spanhouse.shutdown(0)
