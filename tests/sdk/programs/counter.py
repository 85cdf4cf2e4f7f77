"""A metric of some library, and an end that nothing is sent at. sys.argv: a URL."""

import os
import sys

from opentelemetry.metrics import get_meter

import spanhouse

spanhouse.init(endpoint=sys.argv[1], instrument=False)
get_meter("some.library").create_counter("gen_ai.client.calls").add(1)
assert spanhouse.flush()
os._exit(0)
