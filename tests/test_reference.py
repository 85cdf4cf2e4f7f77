"""The reference itself, against examples that were worked out by hand from the Collector's rules."""

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from tests.reference import ids, values

NAN = float("nan")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (20.0, "20"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.25e-10, "1.25e-10"),
        (5e-324, "5e-324"),
        (123456789012345680.0, "123456789012345680"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (NAN, "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_a_double_is_spelled_as_javascript_spells_it(number: float, text: str) -> None:
    assert values.double(number) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (AnyValue(), ""),
        (AnyValue(string_value=""), ""),
        (AnyValue(string_value='a"\n\u2028'), 'a"\n\u2028'),
        (AnyValue(bool_value=False), "false"),
        (AnyValue(int_value=-(2**63)), "-9223372036854775808"),
        (AnyValue(bytes_value=b"\xff\xfe\xfd\xfc"), "//79/A=="),
        (AnyValue(array_value=ArrayValue()), "[]"),
        (AnyValue(kvlist_value=KeyValueList()), "{}"),
    ],
)
def test_a_value_is_spelled_as_the_collector_spells_it(value: AnyValue, text: str) -> None:
    assert values.text(value) == text


def test_a_nested_value_is_compact_json_with_sorted_keys_and_the_last_of_each() -> None:
    value = AnyValue(
        kvlist_value=KeyValueList(
            values=[
                KeyValue(key="z", value=AnyValue(int_value=1)),
                KeyValue(key="a/<&>\x1b\b\u2028", value=AnyValue(bytes_value=b"\0")),
                KeyValue(key="none"),
                KeyValue(key="z", value=AnyValue(array_value=ArrayValue(values=[AnyValue(double_value=NAN)]))),
            ]
        )
    )
    assert values.text(value) == r'{"a/<&>\u001b\b\u2028":"AA==","none":null,"z":["NaN"]}'


def test_attributes_are_sorted_and_the_last_of_a_key_wins() -> None:
    pairs = [KeyValue(key=key, value=AnyValue(int_value=at)) for at, key in enumerate(("b", "é", "a", "b"))]
    assert list(values.attributes(pairs).items()) == [("a", "2"), ("b", "3"), ("é", "1")]


def test_an_id_of_the_wrong_length_or_all_zero_is_none() -> None:
    assert ids.trace_id(bytes.fromhex("0A" * 16)) == "0a" * 16
    assert ids.span_id(b"\1" * 8) == "01" * 8
    assert not any(map(ids.trace_id, (b"", bytes(16), b"\1" * 15, b"\1" * 17)))
    assert not any(map(ids.span_id, (b"", bytes(8), b"\1" * 7, b"\1" * 9)))


def test_a_time_past_what_a_column_holds_wraps() -> None:
    assert [ids.time(at) for at in (0, 2**63 - 1, 2**63, 2**64 - 1)] == [0, 2**63 - 1, -(2**63), -1]
