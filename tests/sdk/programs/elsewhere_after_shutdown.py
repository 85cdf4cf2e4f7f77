"""A tracer and a counter that outlive a shutdown, after which there is another receiver. sys.argv: both URLs."""

import sys

from opentelemetry.metrics import get_meter
from opentelemetry.trace import get_tracer

import spanhouse

first, second = sys.argv[1:]
spanhouse.init("first", endpoint=first, instrument=False)
kept, counter = get_tracer("kept"), get_meter("kept").create_counter("kept.calls")
kept.start_span("of the first").end()
counter.add(1)
assert spanhouse.shutdown()
kept.start_span("of nobody").end()
spanhouse.init("second", endpoint=second, instrument=False)
kept.start_span("of the second").end()
counter.add(1)
