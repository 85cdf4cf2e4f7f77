"""OTLP over gRPC: what the specification asks of a receiver, at a running Spanhouse."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import psutil
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc

from spanhouse_collector.signal import Signal
from spanhouse_schema.access.grants import Scope
from tests.collector.receiving import (
    LIMIT,
    METHODS,
    RESPONSES,
    Receiver,
    Upload,
    body,
    body_of,
    gained,
    refused,
    request,
    series,
    spoil,
)
from tests.support.waiting import until

pytestmark = pytest.mark.slow

KIB = 1024
_EACH = pytest.mark.parametrize("signal", Signal)
_COMPRESSIONS = (grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate)


def fails(receiver: Receiver, content: bytes, signal: Signal = Signal.TRACES, **how: Any) -> Any:
    """Export what is refused; return the error, which has the code, the message and the trailers."""
    with pytest.raises(grpc.RpcError) as error:
        receiver.call(signal, content, **how)
    return error.value


def trailers(error: Any) -> dict[str, Any]:
    return dict(error.trailing_metadata() or ())


@_EACH
def test_a_request_is_answered_with_an_empty_response_and_stored(receiver: Receiver, signal: Signal) -> None:
    assert receiver.call(signal, body(signal, "called 1", "called 2")) == b""
    assert receiver.stored(signal, "called") == ["called 1", "called 2"]


@_EACH
def test_an_empty_request_succeeds(receiver: Receiver, signal: Signal) -> None:
    assert receiver.call(signal, b"") == b""


def test_a_message_arrives_whole_in_every_compression(receiver: Receiver) -> None:
    for compression in _COMPRESSIONS:
        name = f"packed {compression.name} " + "x" * 1000
        assert receiver.call(Signal.LOGS, body(Signal.LOGS, name), compression=compression) == b""
    assert [name.split()[1] for name in receiver.stored(Signal.LOGS, "packed")] == ["Deflate", "Gzip", "NoCompression"]


def test_calls_side_by_side_on_one_connection_are_each_answered(receiver: Receiver) -> None:
    with ThreadPoolExecutor(16) as threads:
        contents = [body(Signal.TRACES, f"beside {number}") for number in range(100)]
        assert list(threads.map(lambda content: receiver.call(Signal.TRACES, content), contents)) == [b""] * 100
    assert len(receiver.stored(Signal.TRACES, "beside")) == 100


# Who asks.


@pytest.mark.parametrize("scope", [Scope.INGEST, Scope.WRITE, Scope.ADMIN])
@pytest.mark.parametrize("header", ["x-api-key: {}", "authorization: Bearer {}"])
def test_a_key_that_may_export_is_taken_from_either_header(receiver: Receiver, scope: Scope, header: str) -> None:
    name, _, value = header.format(receiver.keys[scope]).partition(": ")
    assert receiver.call(Signal.TRACES, b"", metadata={name: value}) == b""


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": "sh_ingest_nobody_made_it"},
        {"authorization": "Bearer sh_ingest_nobody_made_it"},
        {"authorization": "Basic YWRtaW46YWRtaW4="},
    ],
)
def test_without_a_key_that_is_known_nothing_is_let_in(receiver: Receiver, metadata: Mapping[str, str]) -> None:
    error = fails(receiver, body(Signal.TRACES, "of a stranger"), metadata=metadata)
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "key" in error.details().lower()
    assert "nobody_made_it" not in error.details()


def test_a_key_that_may_only_read_may_not_export(receiver: Receiver) -> None:
    error = fails(receiver, b"", metadata={"x-api-key": receiver.keys[Scope.READ]})
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "--scope ingest" in error.details()


def test_the_health_service_says_of_each_service_that_it_serves_without_a_key(receiver: Receiver) -> None:
    stub = health_pb2_grpc.HealthStub(receiver.channel)
    for service in ("", *(method.split("/")[1] for method in METHODS.values())):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        stub.Check(health_pb2.HealthCheckRequest(service="another"), timeout=10)


# What is refused, and how it is said.


@_EACH
def test_bytes_that_are_not_the_message_are_an_invalid_argument_that_says_why(
    receiver: Receiver, signal: Signal
) -> None:
    for content in (b"\xff", body(signal, "x")[:-2], body(signal, "x", json=True)):
        error = fails(receiver, content, signal)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        status = Status.FromString(trailers(error)["grpc-status-details-bin"])
        assert (status.code, status.message) == (3, error.details())
        detail = BadRequest()
        assert status.details[0].Unpack(detail)
        assert detail.field_violations[0].description == error.details()


@pytest.mark.parametrize(
    "method",
    [
        "/opentelemetry.proto.collector.trace.v1.TraceService/Import",
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        "/nothing",
    ],
)
def test_an_unknown_method_is_unimplemented(receiver: Receiver, method: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        receiver.channel.unary_unary(method, bytes, bytes)(b"", timeout=10)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_spans_without_ids_are_refused_alone_and_stand_in_ingest_errors(receiver: Receiver) -> None:
    message = request(Signal.TRACES, *(f"in part {number}" for number in range(5)))
    spoil(message)
    answer: Any = RESPONSES[Signal.TRACES].FromString(receiver.call(Signal.TRACES, message.SerializeToString()))
    assert answer.partial_success.rejected_spans == 3
    assert answer.partial_success.error_message.startswith("3 of 5 spans were refused: ")
    assert receiver.stored(Signal.TRACES, "in part") == ["in part 0", "in part 4"]
    assert [name for _, name in refused(receiver, "in part")] == ["in part 3", "in part 1", "in part 2"]


def test_calls_are_counted_by_what_became_of_them(receiver: Receiver) -> None:
    before = receiver.metrics()
    receiver.call(Signal.METRICS, body(Signal.METRICS, "counted"))
    fails(receiver, b"\xff", Signal.METRICS)
    fails(receiver, b"", Signal.METRICS, metadata={})
    after = receiver.metrics()
    for outcome in ("ok", "bad_request", "unauthenticated"):
        counter = series("requests_total", outcome=outcome, signal="metrics", transport="grpc")
        assert gained(before, after, counter) == 1


# Limits.


@pytest.mark.parametrize("compression", _COMPRESSIONS)
def test_a_message_of_just_the_limit_is_taken_and_one_byte_more_is_not(
    receiver: Receiver, compression: grpc.Compression
) -> None:
    assert receiver.call(Signal.TRACES, body_of(LIMIT, "as large as can be"), compression=compression) == b""
    error = fails(receiver, body_of(LIMIT + 1, "too large"), compression=compression)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    # With a delay in the trailers it would come again.
    assert not trailers(error).keys() & {"google.rpc.retryinfo-bin", "grpc-status-details-bin"}


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_a_bomb_stops_at_the_limit(receiver: Receiver, compression: grpc.Compression) -> None:
    process = psutil.Process(receiver.process.process.pid)
    before = process.memory_info().rss
    error = fails(receiver, bytes(256 * KIB * KIB), compression=compression)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "Decompressed message larger than max" in error.details()
    assert process.memory_info().rss - before < 64 * KIB * KIB


@_EACH
def test_a_full_spool_asks_the_client_to_come_again_in_both_ways_that_clients_know(
    full: Receiver, signal: Signal
) -> None:
    error = fails(full, body(signal, "too much"), signal)
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "ClickHouse is behind" in error.details()
    said, packed = RetryInfo.FromString(trailers(error)["google.rpc.retryinfo-bin"]), RetryInfo()
    assert Status.FromString(trailers(error)["grpc-status-details-bin"]).details[0].Unpack(packed)
    # The SDKs give up after ten seconds in all.
    assert 0 < said.retry_delay.seconds == packed.retry_delay.seconds < 10


def test_requests_past_what_memory_may_hold_are_asked_to_wait(crowded: Receiver) -> None:
    slow = Upload(crowded, body_of(200 * KIB, "slow, then called"), first=150 * KIB)
    until(lambda: crowded.metrics()["spanhouse_inflight_bytes"] == 150 * KIB)
    error = fails(crowded, body_of(150 * KIB, "called too early"))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert RetryInfo.FromString(trailers(error)["google.rpc.retryinfo-bin"]).retry_delay.seconds == 1
    assert slow.finish() == 200
    assert crowded.call(Signal.TRACES, body_of(150 * KIB, "called too early")) == b""


def test_a_call_that_is_given_up_holds_no_memory(crowded: Receiver) -> None:
    export: Any = crowded.channel.unary_unary(METHODS[Signal.TRACES], bytes, bytes)
    for number in range(20):
        export.future(body_of(100 * KIB, f"given up {number}"), timeout=30).cancel()
    until(lambda: crowded.metrics()["spanhouse_inflight_bytes"] == 0)
    assert crowded.call(Signal.TRACES, body(Signal.TRACES, "after those")) == b""
