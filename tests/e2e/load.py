"""Clients that send trace requests until they are told to stop, insist on each, and know which were acknowledged."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SPANS_PER_REQUEST = 20


class Load:
    """Requests of `SPANS_PER_REQUEST` spans, one trace each, from some threads to one receiver.

    A request that is not acknowledged is sent again, the same bytes, as SDKs do; with `repeat` an acknowledged one is
    sent once more, as a client does that has lost the answer. `acknowledged` holds the trace ids, `answers` counts the
    statuses that were not 200.
    """

    def __init__(self, url: str, *, per_second: float, threads: int = 4, repeat: bool = False) -> None:
        self.acknowledged: list[str] = []
        self.answers: dict[int, int] = {}
        self._url = f"{url}/v1/traces"
        self._interval_s = threads / per_second
        self._repeat = repeat
        self._numbers = count(1)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(threads)]

    @contextmanager
    def running(self) -> Generator["Load"]:
        """Send while the block lasts; afterwards every request that was begun is acknowledged."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        with httpx.Client(timeout=30, headers={"Content-Type": "application/x-protobuf"}) as client:
            while not self._over.is_set():
                begun = time.monotonic()
                self._insist(client)
                self._over.wait(max(0.0, begun + self._interval_s - time.monotonic()))

    def _insist(self, client: httpx.Client) -> None:
        trace_id, body = _request(next(self._numbers))
        deadline = time.monotonic() + 120
        while (status := self._post(client, body)) != 200:
            assert time.monotonic() < deadline, f"request {trace_id} was not taken within two minutes ({status})"
            time.sleep(0.05)
        self.acknowledged.append(trace_id)
        if self._repeat:
            self._post(client, body)

    def _post(self, client: httpx.Client, body: bytes) -> int:
        try:
            status = client.post(self._url, content=body).status_code
        except httpx.TransportError:
            status = 0
        if status != 200:
            self.answers[status] = self.answers.get(status, 0) + 1
        return status


def _request(number: int) -> tuple[str, bytes]:
    trace_id = time.time_ns().to_bytes(8, "big") + number.to_bytes(8, "big")
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for index in range(1, SPANS_PER_REQUEST + 1):
        now = time.time_ns()
        spans.add(trace_id=trace_id, span_id=index.to_bytes(8, "big"), start_time_unix_nano=now, end_time_unix_nano=now)
    return trace_id.hex(), request.SerializeToString()
