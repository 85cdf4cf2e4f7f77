"""init(), twice, joins an OpenTelemetry that sends to where it is to send. sys.argv: the URL."""

import sys

import spanhouse
from tests.sdk.programs import their_opentelemetry

their_opentelemetry.set_up(sys.argv[1])
spanhouse.init(endpoint=sys.argv[1], instrument=False)
spanhouse.shutdown()
spanhouse.init(endpoint=sys.argv[1], instrument=False)
with spanhouse.agent("writer"):
    pass
