"""OTLP over HTTP: what the specification asks of a receiver, at a running Spanhouse."""

import gzip
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import BadRequest

from spanhouse_collector.signal import Signal
from spanhouse_schema.access.grants import Scope
from spanhouse_web.compression import zstd
from tests.collector.receiving import (
    COMPRESS,
    JSON,
    LIMIT,
    ORIGIN,
    PROTOBUF,
    Receiver,
    body,
    connected,
    gained,
    head,
    refused,
    request,
    response,
    series,
    spoil,
    status,
)
from tests.spelling import otlp_json

pytestmark = pytest.mark.slow

_BOTH = pytest.mark.parametrize("json", [False, True], ids=["protobuf", "json"])
_EACH = pytest.mark.parametrize("signal", Signal)


@_EACH
@_BOTH
def test_a_request_is_answered_with_an_empty_response_in_its_own_encoding_and_stored(
    receiver: Receiver, signal: Signal, json: bool
) -> None:
    name = f"plain {json}"
    answer = receiver.post(signal, body(signal, f"{name} 1", f"{name} 2", json=json), json=json)
    assert (answer.status_code, answer.content) == (200, b"{}" if json else b"")
    assert answer.headers["content-type"] == (JSON if json else PROTOBUF)
    assert receiver.stored(signal, name) == [f"{name} 1", f"{name} 2"]


@_EACH
@_BOTH
def test_an_empty_request_succeeds(receiver: Receiver, signal: Signal, json: bool) -> None:
    answer = receiver.post(signal, b"{}" if json else b"", json=json)
    assert (answer.status_code, answer.content) == (200, b"{}" if json else b"")


@_EACH
def test_a_request_whose_envelopes_are_empty_succeeds(receiver: Receiver, signal: Signal) -> None:
    message = request(signal)
    getattr(message, f"resource_{_word(signal)}").add()
    getattr(getattr(message, f"resource_{_word(signal)}").add(), f"scope_{_word(signal)}").add()
    assert receiver.post(signal, message.SerializeToString()).status_code == 200


def _word(signal: Signal) -> str:
    return "spans" if signal is Signal.TRACES else signal.value


@pytest.mark.parametrize("media_type", ["Application/JSON", "application/json; charset=utf-8", "application/json ;x=y"])
def test_a_content_type_may_be_in_any_case_and_have_parameters(receiver: Receiver, media_type: str) -> None:
    assert receiver.post(Signal.TRACES, b"{}", headers={"content-type": media_type}).status_code == 200


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/grpc", "application/x-protobuf2", "json", ";"])
def test_another_content_type_is_refused_and_the_answer_is_json(receiver: Receiver, media_type: str) -> None:
    answer = receiver.post(Signal.TRACES, b"", headers={"content-type": media_type})
    assert answer.status_code == 415
    assert answer.headers["content-type"] == JSON
    assert "send application/x-protobuf or application/json" in status(answer).message


# Bodies, compressed.


def test_a_body_arrives_whole_in_every_encoding(receiver: Receiver) -> None:
    for encoding, compress in COMPRESS.items():
        for json in (False, True):
            content = compress(body(Signal.LOGS, f"in '{encoding}' {json}".replace("'", "`"), json=json))
            answer = receiver.post(Signal.LOGS, content, json=json, headers={"content-encoding": encoding})
            assert answer.status_code == 200, (encoding, answer.content)
    expected = sorted(f"in `{encoding}` {json}" for encoding in COMPRESS for json in (False, True))
    assert receiver.stored(Signal.LOGS, "in `") == expected


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("GZip", gzip.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-zlib.MAX_WBITS)),
        ("gzip", lambda data: gzip.compress(data[:10]) + gzip.compress(data[10:])),
        ("zstd", lambda data: zstd.compress(data[:10]) + zstd.compress(data[10:])),
        (
            "zstd",
            lambda data: (stream := zstd.ZstdCompressor(19)).compress(data) + stream.flush(),
        ),
    ],
    ids=["any case", "a bare deflate stream", "two gzip members", "two zstd frames", "zstd of a window over the limit"],
)
def test_what_clients_really_send_as_an_encoding_is_read(
    receiver: Receiver, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    content = compress(body(Signal.TRACES, "compressed oddly", "and twice"))
    answer = receiver.post(Signal.TRACES, content, headers={"content-encoding": encoding})
    assert answer.status_code == 200, answer.content


@pytest.mark.parametrize("encoding", ["br", "snappy", "lz4", "gzip, gzip", "none"])
def test_an_unknown_encoding_is_refused_with_those_that_are_known(receiver: Receiver, encoding: str) -> None:
    answer = receiver.post(Signal.TRACES, b"x", headers={"content-encoding": encoding})
    assert answer.status_code == 415
    assert "send gzip, deflate, zstd, or none" in status(answer).message


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_compressed_body_that_is_damaged_or_cut_off_is_a_bad_request(receiver: Receiver, encoding: str) -> None:
    whole = COMPRESS[encoding](body(Signal.TRACES, *map(str, range(100))))
    for content in (b"", whole[:-1], whole[: len(whole) // 2], whole + b"more", b"nothing of the kind"):
        answer = receiver.post(Signal.TRACES, content, headers={"content-encoding": encoding})
        assert answer.status_code == 400, content


# What is refused, and how it is said.


@_EACH
@_BOTH
def test_a_body_that_is_not_the_message_is_a_bad_request_that_says_why(
    receiver: Receiver, signal: Signal, json: bool
) -> None:
    for content in (b"\xff", b"nope", body(signal, "x", json=json)[:-2], body(signal, "x", json=not json)):
        refused = status(answer := receiver.post(signal, content, json=json))
        assert (answer.status_code, refused.code) == (400, 3)
        detail = BadRequest()
        assert refused.details[0].Unpack(detail)
        assert detail.field_violations[0].description == refused.message != ""


_REFUSALS: dict[int, Callable[[Receiver, str], httpx.Response]] = {
    400: lambda receiver, kind: _ask(receiver, kind, content=b"\xff"),
    401: lambda receiver, kind: _ask(receiver, kind, headers={"x-api-key": "sh_ingest_unknown"}),
    403: lambda receiver, kind: _ask(receiver, kind, headers={"x-api-key": receiver.keys[Scope.READ]}),
    404: lambda receiver, kind: _ask(receiver, kind, path="/v1/profiles"),
    405: lambda receiver, kind: _ask(receiver, kind, method="PUT"),
    413: lambda receiver, kind: _ask(receiver, kind, content=bytes(LIMIT + 1)),
    415: lambda receiver, kind: _ask(receiver, kind, headers={"content-encoding": "br"}),
}


def _ask(
    receiver: Receiver,
    kind: str,
    *,
    method: str = "POST",
    path: str = "/v1/traces",
    content: Any = b"",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    given = {"content-type": kind, "x-api-key": receiver.key, **(headers or {})}
    return receiver.http.request(method, path, content=content, headers=given)


@pytest.mark.parametrize("code", _REFUSALS)
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_every_refusal_is_a_status_in_the_encoding_of_the_request(receiver: Receiver, code: int, kind: str) -> None:
    answer = _REFUSALS[code](receiver, kind)
    assert (answer.status_code, answer.headers["content-type"]) == (code, kind)
    assert status(answer).message
    assert len(answer.content) < 4096


def test_a_path_that_is_none_is_said_and_never_a_redirection(receiver: Receiver) -> None:
    # An exporter takes any 3xx for success, and drops what it sent.
    for path in ("/", "/v1/traces/", "/v1/trace", "/v1/traces/x", "/V1/TRACES"):
        answer = _ask(receiver, JSON, path=path)
        assert answer.status_code == 404, path
        assert f"nothing at {path}" in status(answer).message


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_refused_with_the_one_that_is_allowed(receiver: Receiver, method: str) -> None:
    answer = _ask(receiver, PROTOBUF, method=method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert status(answer).message == f"/v1/traces does not take {method}"


# Keys.


@pytest.mark.parametrize("scope", [Scope.INGEST, Scope.WRITE, Scope.ADMIN])
@pytest.mark.parametrize("header", ["x-api-key: {}", "authorization: Bearer {}", "Authorization: bearer  {}"])
def test_a_key_that_may_export_is_taken_from_either_header(receiver: Receiver, scope: Scope, header: str) -> None:
    name, _, value = header.format(receiver.keys[scope]).partition(": ")
    answer = receiver.http.post("/v1/traces", headers={"content-type": PROTOBUF, name: value})
    assert answer.status_code == 200, answer.content


def test_a_proxy_may_authenticate_itself_beside_a_key(receiver: Receiver) -> None:
    headers = {"authorization": "Basic YWRtaW46YWRtaW4=", "x-api-key": receiver.key}
    assert receiver.http.post("/v1/traces", headers={"content-type": PROTOBUF, **headers}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": "sh_ingest_nobody_made_it"},
        {"x-api-key": "\xff" * 100},
        {"authorization": "Bearer sh_ingest_nobody_made_it"},
        {"authorization": "Bearer"},
        {"authorization": "Basic YWRtaW46YWRtaW4="},
        {"authorization": ""},
    ],
)
def test_without_a_key_that_is_known_nothing_is_let_in(receiver: Receiver, headers: dict[str, str]) -> None:
    given = httpx.Headers({"content-type": PROTOBUF, **headers}, encoding="latin-1")
    answer = receiver.http.post("/v1/traces", headers=given, content=body(Signal.TRACES, "of a stranger"))
    assert (answer.status_code, status(answer).code) == (401, 16)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "nobody_made_it" not in answer.text


def test_a_key_that_may_only_read_may_not_export(receiver: Receiver) -> None:
    answer = receiver.post(Signal.TRACES, b"", headers={"x-api-key": receiver.keys[Scope.READ]})
    assert (answer.status_code, status(answer).code) == (403, 7)
    assert "--scope ingest" in status(answer).message


def test_the_key_decides_the_tenant_whatever_the_telemetry_says(receiver: Receiver) -> None:
    message = request(Signal.TRACES, "whose")
    message.resource_spans[0].resource.attributes.add(key="tenant").value.string_value = "another"
    receiver.post(Signal.TRACES, message.SerializeToString())
    assert receiver.stored(Signal.TRACES, "whose") == ["whose"]
    asked = "SELECT TenantId FROM otel_traces WHERE SpanName = 'whose'"
    assert receiver.process.sql_text(asked) == "acme"


# Partial success.


@_BOTH
def test_spans_without_ids_are_refused_alone_and_stand_in_ingest_errors(receiver: Receiver, json: bool) -> None:
    message = request(Signal.TRACES, *(f"partly {json} {number}" for number in range(5)))
    spoil(message)
    content = otlp_json.spell(message, Random(0)) if json else message.SerializeToString()
    partial = response(Signal.TRACES, receiver.post(Signal.TRACES, content, json=json)).partial_success
    assert partial.rejected_spans == 3
    assert partial.error_message.startswith("3 of 5 spans were refused: ")
    assert receiver.stored(Signal.TRACES, f"partly {json}") == [f"partly {json} 0", f"partly {json} 4"]
    assert refused(receiver, f"partly {json}") == [
        ("the span id is not 8 bytes", f"partly {json} 3"),
        ("the trace id is not 16 bytes", f"partly {json} 1"),
        ("the trace id is zero", f"partly {json} 2"),
    ]


@_EACH
@_BOTH
def test_nothing_is_refused_for_an_odd_id_or_time_elsewhere(receiver: Receiver, signal: Signal, json: bool) -> None:
    message = request(signal, f"odd {json}")
    _make_odd(signal, message)
    content = otlp_json.spell(message, Random(0)) if json else message.SerializeToString()
    answer = receiver.post(signal, content, json=json)
    assert not response(signal, answer).HasField("partial_success")
    assert receiver.stored(signal, f"odd {json}") == [f"odd {json}"]


def _make_odd(signal: Signal, message: Any) -> None:
    if signal is Signal.TRACES:
        span = message.resource_spans[0].scope_spans[0].spans[0]
        span.links.add(trace_id=b"short", span_id=b"")
        span.parent_span_id = b"odd"
        span.start_time_unix_nano = 2**64 - 1
    elif signal is Signal.LOGS:
        record = message.resource_logs[0].scope_logs[0].log_records[0]
        record.trace_id, record.span_id, record.time_unix_nano = b"short", b"", 2**64 - 1
    else:
        point = message.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
        point.exemplars.add(trace_id=b"short", span_id=b"", time_unix_nano=2**64 - 1)
        point.time_unix_nano = 2**64 - 1


def test_a_request_that_comes_twice_by_whatever_way_is_stored_once(receiver: Receiver) -> None:
    content = body(Signal.TRACES, "sent again")
    before = receiver.metrics()
    assert receiver.post(Signal.TRACES, content).status_code == 200
    assert receiver.post(Signal.TRACES, zlib.compress(content), headers={"content-encoding": "deflate"}).content == b""
    assert receiver.call(Signal.TRACES, content, compression=grpc.Compression.Gzip) == b""
    assert receiver.stored(Signal.TRACES, "sent again") == ["sent again"]
    assert gained(before, receiver.metrics(), series("duplicate_requests_total", signal="traces")) == 2


def test_a_client_that_waits_for_leave_to_send_its_body_is_given_it(receiver: Receiver) -> None:
    content = body(Signal.TRACES, "expected")
    with connected(receiver) as connection:
        connection.sendall(head(receiver, len(content), "expect: 100-continue"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(content)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_requests_sent_one_behind_the_other_are_answered_in_turn(receiver: Receiver) -> None:
    contents = [body(Signal.TRACES, f"pipelined {number}") for number in range(5)]
    with connected(receiver) as connection:
        connection.sendall(b"".join(head(receiver, len(content)) + content for content in contents))
        answers = b""
        while answers.count(b"HTTP/1.1 200 ") < 5:
            answers += connection.recv(65536)
    assert len(receiver.stored(Signal.TRACES, "pipelined ")) == 5


# Browsers.


def test_a_page_of_an_allowed_origin_may_export(receiver: Receiver) -> None:
    asked = {"origin": ORIGIN, "access-control-request-method": "POST"}
    preflight = receiver.http.options(
        "/v1/traces", headers={**asked, "access-control-request-headers": "content-type,x-api-key,traceparent"}
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert {"content-type", "x-api-key"} <= set(preflight.headers["access-control-allow-headers"].lower().split(","))
    for key, code in ((receiver.key, 200), ("unknown", 401)):
        answer = receiver.post(Signal.TRACES, b"{}", json=True, headers={"origin": ORIGIN, "x-api-key": key})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (code, ORIGIN)
        assert answer.headers["access-control-expose-headers"] == "Retry-After"


def test_a_page_of_another_origin_may_not_and_one_of_no_origin_asks_nobody(receiver: Receiver) -> None:
    asked = {"origin": "https://elsewhere.example.com", "access-control-request-method": "POST"}
    preflight = receiver.http.options("/v1/traces", headers=asked)
    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in preflight.headers
    assert "access-control-allow-origin" not in receiver.post(Signal.TRACES, b"").headers


def test_without_the_setting_no_page_may_export(full: Receiver) -> None:
    asked = {"origin": ORIGIN, "access-control-request-method": "POST"}
    preflight = full.http.options("/v1/traces", headers=asked)
    assert preflight.status_code == 405
    assert not [name for name in preflight.headers if name.startswith("access-control")]
