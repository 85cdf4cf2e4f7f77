"""What a function was given and gave back is written as JSON, whatever it is."""

import json
from collections import OrderedDict, UserDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse import _capture

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


class Color(Enum):
    """An enumeration."""

    RED = "red"


class Model(pydantic.BaseModel):
    """A model."""

    when: date
    score: float


@dataclass
class Point:
    """A dataclass, with something in it that has no JSON."""

    x: int
    inner: object


@given(st.dictionaries(st.text(), _JSON) | st.lists(_JSON))
def test_what_json_can_say_is_written_as_it_is(value: Any) -> None:
    assert json.loads(_capture.to_json(value)) == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a text", "a text"),
        ({"a": float("nan"), "b": [float("inf"), -1.5, float("-inf")]}, '{"a": null, "b": [null, -1.5, null]}'),
        (float("nan"), "null"),
        (["NaN", "Infinity", "-Infinity"], '["NaN", "Infinity", "-Infinity"]'),
        ((1, 2), "[1, 2]"),
        ({3}, "[3]"),
        (OrderedDict(a=1), '{"a": 1}'),
        (UserDict(a=1), '{"a": 1}'),
        ({1: "a", None: "b"}, '{"1": "a", "null": "b"}'),
        (Color.RED, '"red"'),
        (Decimal("1.10"), '"1.10"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (PurePosixPath("/a"), '"/a"'),
        (datetime(2026, 11, 21, tzinfo=UTC), '"2026-11-21T00:00:00+00:00"'),
        (Model(when=date(2026, 11, 21), score=0.5), '{"when": "2026-11-21", "score": 0.5}'),
        (Point(1, Point(2, Color.RED)), '{"x": 1, "inner": {"x": 2, "inner": "red"}}'),
        (SimpleNamespace(a=1), '"namespace(a=1)"'),
        (Model, f'"{Model!r}"'),
        (b"\xff", "\"b'\\\\xff'\""),
    ],
)
def test_common_types_are_written_by_their_content_and_others_by_their_repr(value: object, written: str) -> None:
    assert _capture.to_json(value) == written


class _Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_what_cannot_be_written_breaks_nothing() -> None:
    circle: list[object] = []
    circle.append(circle)
    assert json.loads(_capture.to_json(circle)) == "[[...]]"
    assert "whose repr raised RuntimeError" in _capture.to_json({"a": _Hostile()})
    assert json.loads(_capture.to_json({(1, 2): "a key that JSON has not"})) == "{(1, 2): 'a key that JSON has not'}"
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert len(_capture.to_json(deep)) < 1_100


def test_a_generator_is_not_consumed() -> None:
    numbers = iter([1, 2])
    letters: Iterator[str] = (letter for letter in "ab")
    _capture.to_json({"a": numbers, "b": [letters]})
    assert (list(numbers), list(letters)) == ([1, 2], ["a", "b"])


def test_what_is_long_is_cut_and_says_so() -> None:
    text = _capture.to_json("x" * 1_000_000)
    assert text.startswith("x" * _capture.MAX_CHARACTERS)
    assert text.endswith("… [cut after 250000 characters]")
    assert len(_capture.to_json(list(range(10_000_000)))) < _capture.MAX_CHARACTERS + 100


def test_arguments_are_named_as_the_signature_names_them() -> None:
    def function(a: int, b: int = 2, /, *rest: int, c: int = 3, **more: int) -> None:
        """Take everything."""

    named = _capture.Arguments(function).named
    assert named((1,), {}) == {"a": 1}
    assert named((1, 2, 3, 4), {"c": 5, "d": 6}) == {"a": 1, "b": 2, "rest": (3, 4), "c": 5, "d": 6}
