"""init() joins an OpenTelemetry that is set up. sys.argv: the URL that it sends to, and ours."""

import sys

from opentelemetry import trace

import spanhouse
from tests.sdk.programs import their_opentelemetry

theirs = their_opentelemetry.set_up(sys.argv[1])
spanhouse.init("ignored", endpoint=sys.argv[2], instrument=False)
with spanhouse.agent("writer"):
    trace.get_tracer("their.library").start_span("theirs").end()
assert trace.get_tracer_provider() is theirs
