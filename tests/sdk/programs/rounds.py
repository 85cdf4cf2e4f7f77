"""Ten rounds of init() and shutdown(): print what each leaves, hooks, threads and open exporters. sys.argv: a URL.

Python lists no at-fork hooks and OpenTelemetry no exporters: both are counted from before spanhouse is loaded.
"""

import os
import sys
import threading
from typing import Any

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

hooks: list[Any] = []
still_open: set[Any] = set()


def count_hooks() -> None:
    """Count what is registered from here on."""
    register = os.register_at_fork

    def counted(**hook: Any) -> None:
        hooks.append(hook)
        register(**hook)

    vars(os)["register_at_fork"] = counted


def count_exporters(kind: Any) -> None:
    """Keep the exporters of a class that are made from here on, until they are shut down."""
    begin, end = kind.__init__, kind.shutdown

    def made(self: Any, *arguments: Any, **named: Any) -> None:
        still_open.add(self)
        begin(self, *arguments, **named)

    def shut_down(self: Any, *arguments: Any, **named: Any) -> Any:
        still_open.discard(self)
        return end(self, *arguments, **named)

    kind.__init__, kind.shutdown = made, shut_down


count_hooks()
for exporter in (OTLPSpanExporter, OTLPLogExporter, OTLPMetricExporter):
    count_exporters(exporter)

from opentelemetry.metrics import get_meter  # noqa: E402  # after the counting

import spanhouse  # noqa: E402

for _ in range(10):
    spanhouse.init(endpoint=sys.argv[1], instrument=False)
    # Of each signal something, and no run: its heartbeat would be a thread that ends by and by.
    with spanhouse.tool("search"):
        spanhouse.pattern_referenced("p-1")
        get_meter("some.library").create_counter("calls").add(1)
    assert spanhouse.shutdown()
    # The threads of outboxes end by themselves, and soon: they were told to.
    for thread in threading.enumerate():
        if thread.name in ("spanhouse-spans", "spanhouse-logs", "spanhouse-metrics"):
            thread.join()
    print("hooks", len(hooks), "threads", threading.active_count(), "open exporters", len(still_open))
