"""A library's span in a run, with an attribute for each of 400 messages. sys.argv: a URL."""

import sys

from opentelemetry.trace import get_tracer

import spanhouse

spanhouse.init(endpoint=sys.argv[1], instrument=False)
with spanhouse.agent("writer"), get_tracer("some.library").start_as_current_span("chat") as span:
    for n in range(400):
        span.set_attribute(f"llm.input_messages.{n}.message.content", "...")
