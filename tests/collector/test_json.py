"""The door for OTLP/JSON makes the protobuf that the same request would have been, and names what it cannot take."""

import json
from base64 import b64decode, b64encode
from random import Random
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanhouse_collector.otlp import protobuf
from spanhouse_collector.otlp.decoded import Decoded
from spanhouse_collector.otlp.json import requests
from spanhouse_collector.signal import Signal
from spanhouse_web.errors import BadRequest
from tests import reference, strategies
from tests.reference import Request
from tests.spelling import otlp_json
from tests.support.corpus import Recording, recordings

TRACE_ID, SPAN_ID = "0102030405060708090a0b0c0d0e0f10", "0102030405060708"
_IDS = {"traceId", "spanId", "parentSpanId"}


def decode(*spans: dict[str, Any]) -> Decoded:
    return requests.decode(Signal.TRACES, json.dumps(_document(*spans)).encode())


def _document(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def span(**fields: Any) -> dict[str, Any]:
    return {"traceId": TRACE_ID, "spanId": SPAN_ID, **fields}


def stored(**fields: Any) -> Any:
    """The span that the database is given, as protobuf."""
    request: Any = reference.REQUESTS["traces"].FromString(decode(span(**fields)).payload)
    return request.resource_spans[0].scope_spans[0].spans[0]


def stored_value(value: Any) -> Any:
    """The `AnyValue` that the database is given for one in JSON."""
    return stored(attributes=[{"key": "k", "value": value}]).attributes[0].value


@pytest.mark.parametrize("signal", Signal)
def test_json_becomes_what_the_same_request_is_in_protobuf(signal: Signal) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategies.requests(signal.value), st.integers(0, 2**32 - 1))
    def check(request: Request, seed: int) -> None:
        from_json = requests.decode(signal, otlp_json.spell(request, Random(seed)))
        from_protobuf = protobuf.decode(signal, request.SerializeToString())
        assert _text(signal, from_json.payload) == _text(signal, from_protobuf.payload)
        assert (from_json.items, from_json.reasons) == (from_protobuf.items, from_protobuf.reasons)

    check()


@pytest.mark.parametrize("signal", Signal)
def test_json_is_read_as_the_protobuf_library_reads_it(signal: Signal) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategies.requests(signal.value))
    def check(request: Request) -> None:
        document = json_format.MessageToDict(request, use_integers_for_enums=True)
        official = json_format.ParseDict(document, reference.REQUESTS[signal.value]())
        decoded = requests.decode(signal, json.dumps(_with_hexadecimal_ids(document)).encode())
        expected = protobuf.decode(signal, official.SerializeToString())
        assert _text(signal, decoded.payload) == _text(signal, expected.payload)

    check()


@pytest.mark.parametrize(
    "recording", [one for one in recordings() if one.is_json and "vercel" in one.name], ids=lambda one: one.name
)
def test_recorded_json_is_read_as_the_protobuf_library_reads_it(recording: Recording) -> None:
    document = json.loads(recording.body)
    official = json_format.ParseDict(_with_base64_ids(document), reference.REQUESTS[recording.signal]())
    signal = Signal(recording.signal)
    expected = protobuf.decode(signal, official.SerializeToString())
    assert _text(signal, requests.decode(signal, recording.body).payload) == _text(signal, expected.payload)


def _text(signal: Signal, payload: bytes) -> str:
    # As text, in which one NaN is another.
    return str(reference.REQUESTS[signal.value].FromString(payload))


def _with_hexadecimal_ids(value: Any) -> Any:
    return _with_ids(value, lambda text: b64decode(text).hex())


def _with_base64_ids(value: Any) -> Any:
    return _with_ids(value, lambda text: b64encode(bytes.fromhex(text)).decode())


def _with_ids(value: Any, respell: Any) -> Any:
    if isinstance(value, list):
        return [_with_ids(item, respell) for item in value]
    if isinstance(value, dict):
        return {
            name: respell(item) if name in _IDS and isinstance(item, str) else _with_ids(item, respell)
            for name, item in value.items()
        }
    return value


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"kind": "SPAN_KIND_CLIENT"}, r"kind: expected the enum's number .*'SPAN_KIND_CLIENT'"),
        ({"kind": True}, r"kind: expected the enum's number"),
        ({"name": 5}, r"name: expected a string, got 5"),
        ({"startTimeUnixNano": "later"}, r"startTimeUnixNano: expected an integer, got 'later'"),
        ({"startTimeUnixNano": -1}, r"startTimeUnixNano: expected an integer from 0 to 18446744073709551615, got -1"),
        ({"startTimeUnixNano": 2**64}, r"startTimeUnixNano: expected an integer from 0"),
        ({"startTimeUnixNano": "1" * 5000}, r"startTimeUnixNano: expected an integer, got"),
        ({"startTimeUnixNano": "1_000"}, r"startTimeUnixNano: expected an integer, got"),
        ({"startTimeUnixNano": 1.5}, r"startTimeUnixNano: expected an integer, got 1.5"),
        ({"flags": 2**32}, r"flags: expected an integer from 0 to 4294967295"),
        ({"traceId": 5}, r"traceId: expected a string, got 5"),
        ({"links": [{}, {"spanId": []}]}, r"links\[1\].spanId: expected a string"),
        ({"status": []}, r"status: expected an object, got \[\]"),
        ({"events": {}}, r"events: expected a list"),
        ({"events": [None]}, r"events\[0\]: expected an object, got None"),
        ({"attributes": {}}, r"attributes: expected a list"),
        ({"attributes": [{}, 5]}, r"attributes\[1\]: expected an object, got 5"),
        ({"attributes": [{"key": 5}]}, r"attributes\[0\].key: expected a string, got 5"),
        ({"attributes": [{"key": []}]}, r"attributes\[0\].key: expected a string"),
        ({"attributes": [{"key": "k", "value": "v"}]}, r"attributes\[0\].value: expected an object, got 'v'"),
    ],
)
def test_a_wrong_value_is_refused_with_the_path_of_its_field(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadRequest, match=r"^resourceSpans\[0\].scopeSpans\[0\].spans\[1\]." + problem):
        decode(span(), span(**fields))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"stringValue": 5}, "expected a string"),
        ({"boolValue": 1}, "expected true or false"),
        ({"intValue": "1.5"}, "expected an integer"),
        ({"intValue": True}, "expected an integer"),
        ({"intValue": str(2**63)}, "expected an integer from -9223372036854775808 to 9223372036854775807"),
        ({"intValue": 1.5}, "expected an integer, got 1.5"),
        ({"doubleValue": "much"}, "expected a number"),
        ({"doubleValue": "nan"}, "expected a number"),
        ({"doubleValue": "1e999"}, "expected a number"),
        ({"doubleValue": False}, "expected a number"),
        ({"bytesValue": "a"}, "expected base64"),
        ({"bytesValue": "a b="}, "expected base64"),
        ({"arrayValue": []}, "expected an object"),
        ({"arrayValue": {"values": [5]}}, "expected an object"),
        ({"arrayValue": {"values": [{"stringValue": 5}]}}, "expected a string"),
        ({"kvlistValue": {"values": [{"key": 5}]}}, "expected a string"),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "x"}}]}}, "expected an integer"),
        ({"stringValue": "a", "intValue": 1}, "expected one value"),
    ],
)
def test_a_wrong_attribute_value_is_refused_with_its_path(value: Any, problem: str) -> None:
    with pytest.raises(BadRequest, match=r"spans\[0\].attributes\[0\].value: " + problem):
        stored_value(value)


@pytest.mark.parametrize("number", [0, -1, 2**53 + 1, 2**63 - 1, -(2**63)])
def test_integers_are_exact_as_numbers_and_as_strings(number: int) -> None:
    assert stored_value({"intValue": number}).int_value == number
    assert stored_value({"intValue": str(number)}).int_value == number


@pytest.mark.parametrize("number", [1e21, -1e21, 2.0**63, 2**64 - 2**12])
def test_a_number_that_no_integer_field_holds_is_a_double(number: float) -> None:
    # JavaScript's SDK sends 1e21 as an intValue; refused, it would take its whole batch along.
    assert stored_value({"intValue": number}).double_value == number
    nested = {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": number}}]}}
    assert float(json.loads(stored_value(nested).string_value)["k"]) == number


def test_a_time_beyond_2_to_the_53_is_exact() -> None:
    assert stored(startTimeUnixNano=1_763_700_000_123_456_789).start_time_unix_nano == 1_763_700_000_123_456_789


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "-1.5e-300", "0"])
def test_doubles_are_taken_as_text(text: str) -> None:
    assert repr(stored_value({"doubleValue": text}).double_value) == repr(float(text))


@pytest.mark.parametrize("text", ["+/+/AA==", "+/+/AA", "-_-_AA==", "-_-_AA"])
def test_bytes_are_taken_in_each_spelling_of_base64(text: str) -> None:
    assert stored_value({"bytesValue": text}).bytes_value == b"\xfb\xff\xbf\x00"


def test_ids_are_taken_in_either_case() -> None:
    assert stored(traceId=TRACE_ID.upper(), spanId=SPAN_ID.upper()).trace_id == bytes.fromhex(TRACE_ID)


def test_null_is_absent_everywhere() -> None:
    value = {"stringValue": None, "intValue": 5}
    attributes = [{"key": "k", "value": value}, {"key": None, "value": None}, {"key": "n", "value": {"intValue": None}}]
    found = stored(name=None, events=None, status=None, parentSpanId=None, attributes=attributes)
    assert [(pair.key, pair.value.int_value) for pair in found.attributes] == [("k", 5), ("", 0), ("n", 0)]
    assert not found.HasField("status")
    assert not found.attributes[2].value.WhichOneof("value")
    assert requests.decode(Signal.TRACES, b'{"resourceSpans":null}').items == 0


def test_unknown_members_are_ignored_snake_case_among_them() -> None:
    found = stored(start_time_unix_nano=5, new={"a": [1]}, attributes=[{"key": "k", "x": 1, "value": {"newValue": 1}}])
    assert found.start_time_unix_nano == 0
    assert not found.attributes[0].value.WhichOneof("value")


def test_a_member_that_comes_twice_is_the_last_one() -> None:
    body = json.dumps(_document(span(name="first"))).replace('"first"', '"first", "name": "last"').encode()
    assert b"last" in requests.decode(Signal.TRACES, body).payload
    assert b"first" not in requests.decode(Signal.TRACES, body).payload


def test_a_point_with_two_values_is_refused() -> None:
    point = {"asInt": 1, "asDouble": 1.0}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"gauge": {"dataPoints": [point]}}]}]}]}
    with pytest.raises(BadRequest, match=r"gauge.dataPoints\[0\]: only one of asDouble and asInt can be set"):
        requests.decode(Signal.METRICS, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ({"traceId": "0" * 32}, "the trace id is zero"),
        ({"traceId": "abc0"}, "the trace id is not 16 bytes"),
        ({"traceId": None}, "the trace id is not 16 bytes"),
        ({"spanId": ""}, "the span id is not 8 bytes"),
        ({"spanId": "0" * 16}, "the span id is zero"),
        ({"traceId": "z" * 32}, "the trace id or the span id is not hexadecimal"),
        ({"traceId": "AQIDBAUGBwgJCgsMDQ4PEA=="}, "the trace id or the span id is not hexadecimal"),
    ],
)
def test_a_span_without_valid_ids_is_left_out_and_kept_as_it_came(ids: dict[str, Any], reason: str) -> None:
    bad = span(name="bad", attributes=[{"key": "deep", "value": {"kvlistValue": {}}}], **ids)
    decoded = decode(span(name="good"), bad)
    assert (decoded.items, decoded.reasons) == (1, {reason: 1})
    assert decoded.payload == decode(span(name="good")).payload
    assert json.loads(decoded.refused[0].item) == bad


def test_an_odd_id_of_a_link_or_a_log_record_is_no_reason_to_refuse() -> None:
    assert stored(links=[{"traceId": "zz", "spanId": SPAN_ID}]).links[0].trace_id == b""
    body = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"zz","spanId":"00"}]}]}]}'
    assert requests.decode(Signal.LOGS, body).items == 1


@pytest.mark.parametrize("levels", [30, 32])
def test_nested_values_are_kept_down_to_the_limit(levels: int) -> None:
    assert stored_value(_nested(levels)).string_value == '{"k":' * levels + "7" + "}" * levels


@pytest.mark.parametrize("levels", [33, 200])
def test_deeper_values_are_refused_with_a_reason(levels: int) -> None:
    with pytest.raises(BadRequest, match="nests more than 32 levels"):
        stored_value(_nested(levels))


def _nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"intValue": "7"}
    for _ in range(levels):
        value = {"kvlistValue": {"values": [{"key": "k", "value": value}]}}
    return value


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 16_000, 16_383, 16_384, 1_000_000])
def test_texts_of_every_length_arrive_whole(size: int) -> None:
    assert stored_value({"stringValue": "é" * size}).string_value == "é" * size
    assert stored(attributes=[{"key": "k" * size}]).attributes[0].key == "k" * size


def test_half_a_character_becomes_the_replacement_character() -> None:
    # JavaScript leaves halves where it cuts a text in two; JSON.stringify writes them as escapes.
    texts = {
        rb"cut \ud83d": "cut \ufffd",
        rb"\ude00\ud83d\ude00\ud83d": "\ufffd😀\ufffd",
        rb"\\ud83d": r"\ud83d",
        rb"\\\ud83d!": "\\\ufffd!",
    }
    for escaped, expected in texts.items():
        body = json.dumps(_document(span(name="NAME"))).encode().replace(b"NAME", escaped)
        assert expected.encode() in requests.decode(Signal.TRACES, body).payload


def test_a_byte_order_mark_is_passed_over() -> None:
    assert requests.decode(Signal.TRACES, b"\xef\xbb\xbf{}").items == 0


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{} {}", b"nope", b'{"a": NaN}', b'"\xff"', b"[" * 100_000, b"\xef\xbb\xbf"]
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="the body is not JSON"):
        requests.decode(Signal.TRACES, body)


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"text"'])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^the body: expected an object"):
        requests.decode(Signal.TRACES, body)
