"""What the collector says about itself: Prometheus metrics, in a registry of their own.

The receivers count requests and what is in them; the spool and the loader set what concerns them. Labels are few and
bounded: nothing that a client writes becomes one.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

# Otherwise each series has a second one that says when it began, which no dashboard asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it is the library's, and has no types

_REQUEST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LOADING_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class Metrics:
    """Every metric of a collector, in `registry`. `signal` is traces, logs or metrics; `transport` is http or grpc."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter(
            "requests", "Export requests answered, by outcome: ok, partial, or why refused.", "signal transport outcome"
        )
        self.request_seconds = self._histogram(
            "request_seconds", "Seconds from a whole request to its answer.", "signal transport", _REQUEST_S
        )
        self.bytes = self._counter("request_bytes", "Bytes of the requests accepted, decompressed.", "signal")
        self.items = self._counter("items", "Spans, log records and metric points accepted.", "signal")
        self.refused_items = self._counter("refused_items", "Items left out of their request.", "signal reason")
        self.duplicates = self._counter("duplicate_requests", "Requests that came again and were not stored.", "signal")
        self.inflight_bytes = self._gauge("inflight_bytes", "Bytes of requests held in memory.")
        self.spool_bytes = self._gauge("spool_bytes", "Bytes acknowledged and not in ClickHouse yet.")
        self.spool_oldest_seconds = self._gauge("spool_oldest_seconds", "Age of the oldest request in the spool.")
        self.insert_seconds = self._histogram("insert_seconds", "Seconds of one INSERT.", "signal", _LOADING_S)
        self.insert_failures = self._counter("insert_failures", "INSERTs that failed and are tried again.", "signal")
        self.lag_seconds = self._histogram(
            "lag_seconds", "Seconds from receiving a segment's oldest request to its rows.", "signal", _LOADING_S
        )
        self.settler_is_leader = self._gauge(
            "settler_is_leader", "1 if this collector settles; 0 if another one does, and it stands by."
        )
        self.settle_seconds = self._histogram("settle_seconds", "Seconds of one settling of traces.", "", _LOADING_S)
        self.settle_failures = self._counter("settle_failures", "Settlings that failed and are tried again.")
        self.settled_traces = self._counter("settled_traces", "Traces whose executions were written anew.")
        self.set_aside_traces = self._gauge("set_aside_traces", "Traces that could not be settled: tried again hourly.")
        self.discovery_seconds = self._histogram(
            "discovery_seconds", "Seconds of searching one day for patterns.", "", _LOADING_S
        )
        self.discovery_failures = self._counter(
            "discovery_failures", "Searches for patterns that failed and are tried again."
        )
        self.unread_usage_spans = self._gauge(
            "unread_usage_spans", "Spans of the last day that tell of usage under names that no convention reads."
        )
        self.dead_letters = self._gauge("dead_letters", "Dead letters that wait for somebody.", "signal")

    def _counter(self, name: str, description: str, labels: str = "") -> Counter:
        return Counter(f"spanhouse_{name}", description, labels.split(), registry=self.registry)

    def _gauge(self, name: str, description: str, labels: str = "") -> Gauge:
        return Gauge(f"spanhouse_{name}", description, labels.split(), registry=self.registry)

    def _histogram(self, name: str, description: str, labels: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"spanhouse_{name}", description, labels.split(), registry=self.registry, buckets=buckets)
