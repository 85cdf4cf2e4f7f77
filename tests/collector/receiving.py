"""Running receivers, and OTLP of each signal to send to them over either transport: for the tests of the receivers."""

import gzip
import socket
import zlib
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import grpc
import httpx
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2  # noqa: F401  # what `Status` is read from JSON with
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanhouse_collector.signal import Signal
from spanhouse_schema import Settings
from spanhouse_schema.access.grants import Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_web.compression import zstd
from tests.reference import REQUESTS
from tests.spelling import otlp_json
from tests.support.process import Spanhouse
from tests.support.waiting import until

PROTOBUF, JSON = "application/x-protobuf", "application/json"
LIMIT = 1024 * 1024
"""The largest request that the tests' receivers take."""

ORIGIN = "https://app.example.com"
"""Whose pages may export to the receiver that wants keys."""

METHODS = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "identity": bytes,
    "": bytes,
}
"""Every content encoding that HTTP clients may use."""

RESPONSES: Mapping[Signal, type[Message]] = {
    Signal.TRACES: ExportTraceServiceResponse,
    Signal.LOGS: ExportLogsServiceResponse,
    Signal.METRICS: ExportMetricsServiceResponse,
}
# Where the name of an item of `request` is stored.
_NAMES = {
    Signal.TRACES: ("SpanName", "otel_traces"),
    Signal.LOGS: ("Body", "otel_logs"),
    Signal.METRICS: ("MetricName", "otel_metrics_gauge"),
}


def request(signal: Signal, *names: str) -> Any:
    """An export request with an item of each name: a span, a log record, or a gauge of one point."""
    message: Any = REQUESTS[signal.value]()
    random = Random(" ".join(names))
    for name in names:
        if signal is Signal.TRACES:
            scope = message.resource_spans.add().scope_spans.add()
            scope.spans.add(trace_id=random.randbytes(16), span_id=random.randbytes(8), name=name)
        elif signal is Signal.LOGS:
            message.resource_logs.add().scope_logs.add().log_records.add(body={"string_value": name})
        else:
            metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name=name)
            metric.gauge.data_points.add(as_int=1)
    return message


def body(signal: Signal, *names: str, json: bool = False) -> bytes:
    """The same request as bytes."""
    message = request(signal, *names)
    return otlp_json.spell(message, Random(0)) if json else message.SerializeToString()


def body_of(size: int, name: str) -> bytes:
    """A trace request of `size` bytes, at least 1 KiB and less than 2 MiB."""
    message = request(Signal.TRACES, name)
    attribute = message.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="padding")
    attribute.value.string_value = "x" * size
    attribute.value.string_value = "x" * (2 * size - message.ByteSize())
    while message.ByteSize() < size:  # a length that was a byte longer
        attribute.value.string_value += "x"
    assert message.ByteSize() == size
    return message.SerializeToString()  # type: ignore[no-any-return]


def spoil(message: Any) -> None:
    """Take from three of the first four spans of a request what tells them apart."""
    spans = [resource.scope_spans[0].spans[0] for resource in message.resource_spans]
    spans[1].trace_id, spans[2].trace_id, spans[3].span_id = b"short", bytes(16), b""


class Receiver:
    """A running receiver, spoken to with `key`; the tests tell their items apart by name."""

    def __init__(self, process: Spanhouse, keys: Mapping[Scope, str] | None = None) -> None:
        self.process = process
        self.keys = keys or {}
        self.key = self.keys.get(Scope.INGEST, "")
        self.http = httpx.Client(base_url=process.http, timeout=30)
        self.channel = grpc.insecure_channel(process.grpc)

    def post(
        self, signal: Signal, content: Any, *, json: bool = False, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Export over HTTP."""
        given = {"content-type": JSON if json else PROTOBUF, "x-api-key": self.key, **(headers or {})}
        return self.http.post(f"/v1/{signal.value}", content=content, headers=given)

    def call(
        self,
        signal: Signal,
        content: bytes,
        *,
        compression: grpc.Compression | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> bytes:
        """Export over gRPC. Raises `grpc.RpcError`."""
        export = self.channel.unary_unary(METHODS[signal], bytes, bytes)
        given = tuple((metadata if metadata is not None else {"x-api-key": self.key}).items())
        answer: bytes = export(content, timeout=30, compression=compression, metadata=given)
        return answer

    def stored(self, signal: Signal, prefix: str) -> list[str]:
        """Every item whose name begins with `prefix`, once all that was acknowledged is in the database."""
        until(lambda: self.metrics()["spanhouse_spool_bytes"] == 0)
        column, table = _NAMES[signal]
        return self.process.sql_text(
            f"SELECT {column} FROM {table} WHERE startsWith({column}, '{prefix}') ORDER BY {column}"
        ).splitlines()

    def metrics(self) -> dict[str, float]:
        """What /metrics says: each series, as it stands there, with its value."""
        lines = self.http.get("/metrics").text.splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    def close(self) -> None:
        """Close the connections."""
        self.http.close()
        self.channel.close()


def refused(receiver: Receiver, prefix: str) -> list[tuple[str, str]]:
    """The reason and the name of each span that was refused and whose name begins with `prefix`, once all is stored."""
    receiver.stored(Signal.TRACES, prefix)
    lines = receiver.process.sql_text(
        "SELECT Reason, JSONExtractString(Item, 'name') AS name FROM ingest_errors "
        f"WHERE TenantId = 'acme' AND Signal = 'traces' AND startsWith(name, '{prefix}') ORDER BY ALL"
    ).splitlines()
    return [(reason, name) for reason, _, name in (line.partition("\t") for line in lines)]


def series(name: str, **labels: str) -> str:
    """A series as `Receiver.metrics` names it; labels are in the order of their names."""
    written = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"spanhouse_{name}{{{written}}}"


def gained(before: Mapping[str, float], after: Mapping[str, float], name: str) -> float:
    """By how much a series grew; one that is not there yet is zero."""
    return after.get(name, 0) - before.get(name, 0)


def connected(receiver: Receiver) -> socket.socket:
    """A connection to where it takes OTLP over HTTP, on which nothing is sent yet."""
    where = urlsplit(receiver.process.http)
    return socket.create_connection((where.hostname, where.port), timeout=10)


def head(receiver: Receiver, size: int, *more: str) -> bytes:
    """The head of a trace request whose body is of `size` bytes, with more header lines."""
    lines = ("POST /v1/traces HTTP/1.1", "host: x", f"x-api-key: {receiver.key}", f"content-type: {PROTOBUF}")
    return "\r\n".join((*lines, f"content-length: {size}", *more, "", "")).encode()


@contextmanager
def receiving(directory: Path, command: str, *flags: str, scopes: tuple[Scope, ...] = ()) -> Generator[Receiver]:
    """A receiver that runs with these flags, and has a key of each of these scopes for the tenant `acme`."""
    control = ControlDatabase.open(Settings.load(data_dir=directory / "data"))
    keys = {scope: KeyStore(control).create("acme", scope).key for scope in scopes}
    control.close()
    with Spanhouse.start(command, data_dir=directory / "data", flags=flags, wait=False) as process:
        process.wait_until_ready(f"{process.http}/{'ready' if command == 'up' else 'health'}")
        receiver = Receiver(process, keys)
        try:
            yield receiver
        finally:
            receiver.close()


class Upload:
    """A trace request over HTTP whose body comes in two parts."""

    def __init__(self, receiver: Receiver, content: bytes, first: int) -> None:
        self._rest = content[first:]
        self._connection = connected(receiver)
        self._connection.sendall(head(receiver, len(content)) + content[:first])

    def finish(self) -> int:
        """Send the rest, and return the status of the answer."""
        self._connection.sendall(self._rest)
        answer = self._connection.recv(1000)
        self.leave()
        return int(answer.split()[1])

    def leave(self) -> None:
        """Hang up."""
        self._connection.close()


def status(answer: httpx.Response) -> Status:
    """The `google.rpc.Status` that a refusal is, in whichever of OTLP's two encodings it says it is."""
    assert answer.is_error, answer.status_code
    if answer.headers["content-type"] == JSON:
        return json_format.Parse(answer.content, Status())
    assert answer.headers["content-type"] == PROTOBUF
    return Status.FromString(answer.content)


def response(signal: Signal, answer: httpx.Response) -> Any:
    """The export response that a success is, in the encoding it says it is."""
    assert answer.status_code == 200, answer.content
    if answer.headers["content-type"] == JSON:
        return json_format.Parse(answer.content, RESPONSES[signal]())
    assert answer.headers["content-type"] == PROTOBUF
    return RESPONSES[signal].FromString(answer.content)
