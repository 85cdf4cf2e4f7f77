"""Nested values are spelled as the OpenTelemetry Collector's `Value.AsString()` spells them."""

import json
import math
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanhouse_collector.otlp.any_value_json import MAX_DEPTH, plain_double, spell, spell_bytes
from spanhouse_web.errors import BadRequest
from tests.reference import values as reference
from tests.strategies.values import arrays, deep_values, doubles, maps, nest, nested_values

_containers = arrays(nested_values) | maps(nested_values)


@given(_containers | deep_values().filter(lambda value: value.WhichOneof("value") in {"array_value", "kvlist_value"}))
def test_a_value_that_nests_reads_as_the_reference_spells_it(value: AnyValue) -> None:
    assert spell_bytes(value.SerializeToString()) == reference.text(value)


@given(_containers)
def test_what_is_spelled_is_json(value: AnyValue) -> None:
    json.loads(spell_bytes(value.SerializeToString()))


@given(st.text())
def test_a_string_comes_back_from_its_spelling(text: str) -> None:
    assert json.loads(spell([text])) == [text]


def test_a_string_is_escaped_as_go_escapes_it() -> None:
    assert spell(['\x00\x1b\x7f"\\/\b\f\n\r\t\u2028\u2029<&>é😀']) == (
        '["\\u0000\\u001b\x7f\\"\\\\/\\b\\f\\n\\r\\t\\u2028\\u2029<&>é😀"]'
    )


def test_keys_are_sorted_by_their_bytes() -> None:
    assert spell({"\U0001f600": 1, "\uffff": 2, "é": 3, "z": 4, "": 5}) == '{"":5,"z":4,"é":3,"\uffff":2,"😀":1}'


def test_of_a_key_that_comes_twice_the_last_one_wins() -> None:
    value = AnyValue()
    for number in (1, 2):
        value.kvlist_value.values.add(key="k").value.int_value = number
    assert spell_bytes(value.SerializeToString()) == '{"k":2}'


@pytest.mark.parametrize("is_map", [True, False])
def test_values_nest_down_to_the_limit_and_not_below(is_map: bool) -> None:
    value = AnyValue(int_value=1)
    for _ in range(MAX_DEPTH):
        value = nest(value, is_map=is_map)
    assert spell_bytes(value.SerializeToString()).count("1") == 1
    with pytest.raises(BadRequest, match=f"nests more than {MAX_DEPTH} levels"):
        spell_bytes(nest(value, is_map=is_map).SerializeToString())


@given(doubles.filter(math.isfinite))
def test_a_double_comes_back_from_its_spelling(number: float) -> None:
    assert float(spell([plain_double(number)])[1:-1]) == number


@pytest.mark.skipif(shutil.which("node") is None, reason="node, whose numbers are the model, is not installed")
def test_doubles_read_as_javascript_spells_them() -> None:
    sample = _sample_of_doubles()
    script = "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0, 'utf8')).map(String)))"
    # repr is read back by any language as the same double.
    answer = subprocess.run(
        ["node", "-e", script], input=repr(sample), capture_output=True, text=True, timeout=30, check=True
    )
    assert [spell([plain_double(number)])[1:-1] for number in sample] == json.loads(answer.stdout)


def _sample_of_doubles() -> list[float]:
    powers = [
        sign * digits * 10.0**exponent
        for exponent in range(-320, 308, 3)
        for digits in (1, 1.1, 123456789.123)
        for sign in (1, -1)
    ]
    # JavaScript drops the sign of zero, Go keeps it.
    return [
        number
        for number in [*powers, 2.0**53, 2.0**53 + 2, 5e-324, 1e21, 1e-7, 1e-6]
        if math.isfinite(number) and number
    ]
