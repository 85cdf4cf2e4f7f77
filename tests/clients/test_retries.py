"""What the SDKs do by themselves when there is no room, or when an answer is lost: each span is stored once."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spanhouse_schema.access.admin_secret import admin_secret
from tests.cli.otlp import send
from tests.clients.forgetful_proxy import forgetful_proxy
from tests.clients.javascript_sdk import JavaScriptSdk
from tests.support.process import Spanhouse, free_port
from tests.support.waiting import until

pytestmark = pytest.mark.slow

# For what the clients below send at once.
SPOOL_BYTES = 4096
PATIENCE_S = 60
SPANS = (
    "SELECT ServiceName, count(), uniqExact(SpanId) FROM otel_traces WHERE ServiceName != '' GROUP BY ALL ORDER BY ALL"
)


def test_the_python_sdk_waits_as_long_as_it_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with _full_collector(tmp_path) as collector, ThreadPoolExecutor() as threads:
        results = [
            threads.submit(_export, HttpExporter(f"{collector.http}/v1/traces", timeout=PATIENCE_S), "http"),
            threads.submit(_export, GrpcExporter(collector.grpc, insecure=True, timeout=PATIENCE_S), "grpc"),
        ]
        until(lambda: caplog.text.count("retrying in 3.00s") >= 2)
        with _engine_for(collector) as engine:
            assert [result.result() for result in results] == [SpanExportResult.SUCCESS] * 2
            assert collector.stop() == 0
            assert engine.sql_text(SPANS) == "grpc\t1\t1\nhttp\t1\t1"


def test_the_javascript_sdk_waits_as_long_as_it_is_told(tmp_path: Path, javascript_sdk: JavaScriptSdk) -> None:
    with _full_collector(tmp_path) as collector, ThreadPoolExecutor() as threads:
        variables = {"ENDPOINT": collector.http, "TIMEOUT": str(PATIENCE_S * 1000)}
        exported = threads.submit(javascript_sdk.export, "json", "javascript", variables)
        busy = 'spanhouse_requests_total{{outcome="busy",signal="{}",transport="http"}}'
        until(lambda: all(_metric(collector, busy.format(signal)) for signal in ("traces", "logs", "metrics")))
        with _engine_for(collector) as engine:
            assert exported.result().log.count("Scheduling export retry in 3000ms") >= 3
            assert collector.stop() == 0
            assert engine.sql_text(SPANS) == "javascript\t2\t2"
            assert engine.sql_text("SELECT count() FROM otel_logs") == "1"
            assert engine.sql_text("SELECT count() FROM otel_metrics_sum") == "1"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Generator[Spanhouse]:
    """A Spanhouse for all whose answers get lost."""
    with Spanhouse.start("up", data_dir=tmp_path_factory.mktemp("up") / "data") as up:
        yield up


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_a_request_that_is_sent_again_because_its_answer_was_lost_is_stored_once(up: Spanhouse, transport: str) -> None:
    accepted, repeated = 'spanhouse_items_total{signal="traces"}', 'spanhouse_duplicate_requests_total{signal="traces"}'
    before = _metric(up, accepted), _metric(up, repeated)
    server = up.grpc if transport == "grpc" else up.http.removeprefix("http://")
    with forgetful_proxy(server, lambda: _metric(up, accepted) > before[0]) as address:
        over_grpc = transport == "grpc"
        exporter = GrpcExporter(address, insecure=True) if over_grpc else HttpExporter(f"http://{address}/v1/traces")
        assert _export(exporter, f"lost {transport}") is SpanExportResult.SUCCESS
    assert (_metric(up, accepted), _metric(up, repeated)) == (before[0] + 1, before[1] + 1)
    until(lambda: f"lost {transport}\t1\t1" in up.sql_text(SPANS))


@contextmanager
def _full_collector(directory: Path) -> Generator[Spanhouse]:
    """A collector whose spool is full, because its engine is away."""
    ports = {name: free_port() for name in ("otlp-http", "otlp-grpc", "sql")}
    secret = admin_secret(directory / "engine", create=True)
    dsn = f"clickhouse://default:{secret}@127.0.0.1:{ports['sql']}/spanhouse"
    flags = ("--clickhouse", dsn, "--spool-limit", str(SPOOL_BYTES))
    data_dir = directory / "collector"
    with Spanhouse.start("collector", data_dir=data_dir, flags=flags, ports=ports, wait=False) as collector:
        collector.wait_until_ready(f"{collector.http}/health")
        # Small ones: what room they leave is too little for any other request.
        answers = [send(collector.http, "f") for _ in range(SPOOL_BYTES // 50)]
        assert answers[-1] == 503
        yield collector


def _engine_for(collector: Spanhouse) -> Spanhouse:
    return Spanhouse.start("engine", data_dir=collector.data_dir.with_name("engine"), ports=collector.ports)


def _export(exporter: SpanExporter, service: str) -> SpanExportResult:
    tracer = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False).get_tracer("test")
    span = tracer.start_span("retried")
    span.end()
    assert isinstance(span, ReadableSpan)
    try:
        return exporter.export([span])
    finally:
        exporter.shutdown()


def _metric(running: Spanhouse, name: str) -> float:
    text = httpx.get(f"{running.http}/metrics", timeout=10).text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))
