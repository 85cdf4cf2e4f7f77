"""An OTLP receiver that can misbehave, and programs that send to it: real sockets, real processes."""

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from tests.support.process import environment

ROOT = Path(__file__).parents[2]
# Instrumentors take seconds to be imported, many when the machine is busy.
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Received:
    """A span, an event or a metric: its name, its attributes, those of its resource, and its ids."""

    name: str
    attributes: dict[str, str]
    resource: dict[str, str]
    trace_id: str = ""
    span_id: str = ""


@dataclass
class Receiver:
    """Listens on a free port. Answers with `status`; while `hangs` is set it does not answer at all."""

    status: int = 200
    hangs: threading.Event = field(default_factory=threading.Event)
    spans: list[Received] = field(default_factory=list)
    events: list[Received] = field(default_factory=list)
    metrics: list[Received] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    requests: int = 0

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hangs.clear()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where to send to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def span_names(self) -> list[str]:
        """Of the spans, sorted: which thread's come first is chance."""
        return sorted(span.name for span in self.spans)

    def span(self, name: str) -> Received:
        """The only span of this name."""
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def take(self, path: str, body: bytes) -> None:
        """Keep what came."""
        if path == "/v1/traces":
            for traces in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = _texts(traces.resource.attributes)
                self.spans += [
                    Received(s.name, _texts(s.attributes), resource, s.trace_id.hex(), s.span_id.hex())
                    for scope in traces.scope_spans
                    for s in scope.spans
                ]
        elif path == "/v1/logs":
            for logs in ExportLogsServiceRequest.FromString(body).resource_logs:
                resource = _texts(logs.resource.attributes)
                self.events += [
                    Received(r.event_name, _texts(r.attributes), resource, r.trace_id.hex(), r.span_id.hex())
                    for scope in logs.scope_logs
                    for r in scope.log_records
                ]
        else:
            for measured in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                resource = _texts(measured.resource.attributes)
                self.metrics += [
                    Received(metric.name, {}, resource) for scope in measured.scope_metrics for metric in scope.metrics
                ]


def run(program: str, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run one of `tests/sdk/programs` to its end, which must be a good one."""
    ended = subprocess.run(
        command(program, *arguments),
        capture_output=True,
        text=True,
        env=environment(env),
        cwd=ROOT,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


@contextmanager
def running(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run one of `tests/sdk/programs` with pipes to and from it; when the block is left it is killed."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command(program, *arguments), stdin=pipe, stdout=pipe, text=True, env=environment(), cwd=ROOT
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def command(program: str, *arguments: str) -> list[str]:
    """Return the command line of one of `tests/sdk/programs`, which is to run in the root of the repository."""
    # Forks beside threads are what some are about.
    return [sys.executable, "-W", "ignore::DeprecationWarning", "-m", f"tests.sdk.programs.{program}", *arguments]


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests += 1
            while receiver.hangs.is_set():
                threading.Event().wait(0.05)
            if receiver.status == 200:
                body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
                receiver.take(self.path, body)
                receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
                receiver.sizes.append(len(body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _texts(attributes: object) -> dict[str, str]:
    return {each.key: _text(each) for each in attributes}  # type: ignore[attr-defined]  # protobuf's repeated field


def _text(each: KeyValue) -> str:
    kind = each.value.WhichOneof("value")
    return str(getattr(each.value, kind)) if kind else ""
