"""rotel, a collector of others, which writes RowBinary with LZ4 over HTTP, writes through the door."""

import subprocess
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.process import Spanhouse, free_port
from tests.support.waiting import until

pytest.importorskip("rotel")
pytestmark = pytest.mark.slow
_SPANS = 5000


def test_rotel_fills_the_tables_through_the_door(tmp_path: Path) -> None:
    with Spanhouse.start("engine", data_dir=tmp_path / "data") as engine:
        address = f"127.0.0.1:{free_port()}"
        rotel = subprocess.Popen(
            [str(files("rotel").joinpath("rotel-agent")), "start"],
            env=_environment(engine, address),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda: _sent(address))
            until(lambda: engine.sql_text("SELECT count() FROM otel_traces") == str(_SPANS), 60)
        finally:
            rotel.terminate()
            rotel.wait(30)
        columns = "SpanName, ServiceName, SpanAttributes['n'], SpanKind, TenantId"
        row = engine.sql_text(f"SELECT {columns} FROM otel_traces WHERE SpanName = 'span 7'")
        assert row == "span 7\trotel\t7\tServer\tdefault"


def _environment(engine: Spanhouse, address: str) -> dict[str, str]:
    return {
        "ROTEL_OTLP_HTTP_ENDPOINT": address,
        "ROTEL_OTLP_GRPC_ENDPOINT": f"127.0.0.1:{free_port()}",
        "ROTEL_EXPORTER": "clickhouse",
        "ROTEL_CLICKHOUSE_EXPORTER_ENDPOINT": engine.sql,
        "ROTEL_CLICKHOUSE_EXPORTER_DATABASE": "spanhouse",
        "ROTEL_CLICKHOUSE_EXPORTER_USER": "default",
        "ROTEL_CLICKHOUSE_EXPORTER_PASSWORD": engine.admin_key,
    }


def _sent(address: str) -> bool:
    headers = {"content-type": "application/x-protobuf"}
    try:
        reply = httpx.post(f"http://{address}/v1/traces", content=_request(), headers=headers, timeout=30)
    except httpx.TransportError:
        return False
    return reply.status_code == 200


def _request() -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value="rotel")))
    resource.scope_spans.add().spans.extend(
        Span(
            trace_id=number.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            name=f"span {number}",
            kind=Span.SPAN_KIND_SERVER,
            start_time_unix_nano=1_800_000_000_000_000_000 + number,
            end_time_unix_nano=1_800_000_000_000_001_000 + number,
            attributes=[KeyValue(key="n", value=AnyValue(int_value=number))],
        )
        for number in range(1, _SPANS + 1)
    )
    return request.SerializeToString()
