"""Hypothesis strategies for what every signal is made of: values, attributes, ids, times, numbers."""

from typing import TypeVar

from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    EntityRef,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

DEEPEST = 30
"""Levels of nesting that a value may have and must keep."""

_Item = TypeVar("_Item")

_ODD_TEXTS = [
    "",
    "\0",
    "a\0b",
    "\x1b[31m",
    '"\\/\b\f\n\r\t',
    "\u2028\u2029",
    "<&>'",
    "\ufeff",
    "\uffff",
    "e\u0301 👩‍👩‍👧 🜁 ي",
    "NaN",
]
_ODD_TIMES = [0, 1, 999_999_999, 1_763_700_000_000_000_001, 2**63 - 1, 2**63, 2**64 - 1]
_ODD_INTS = [0, 1, -1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
_ODD_DOUBLES = [
    *(0.0, -0.0, 1.0, 0.1, 1e-5, 1e-6, 1e-7, 1e20, 1e21, 1.5e300, 5e-324, 2.2250738585072014e-308),
    *(float("nan"), float("inf"), float("-inf")),
]
_KEYS = ["service.name", "k8s.pod.name", "a", "b", "é", ""]

texts = st.sampled_from(_ODD_TEXTS) | st.text(max_size=12)
times = st.sampled_from(_ODD_TIMES) | st.integers(0, 2**64 - 1)
uint32 = st.sampled_from([0, 1, 255, 256, 0x301, 2**32 - 1]) | st.integers(0, 2**32 - 1)
uint64 = st.sampled_from([0, 1, 2**53 + 1, 2**64 - 1]) | st.integers(0, 2**64 - 1)
int32 = st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31)]) | st.integers(-(2**31), 2**31 - 1)
int64 = st.sampled_from(_ODD_INTS) | st.integers(-(2**63), 2**63 - 1)
doubles = st.sampled_from(_ODD_DOUBLES) | st.floats()


def several(items: st.SearchStrategy[_Item], most: int) -> st.SearchStrategy[list[_Item]]:
    """Up to `most` of them; usually there is one, or nothing below it would be tried."""
    some = st.lists(items, min_size=1, max_size=most)
    return st.one_of(some, some, st.lists(items, max_size=most))


def enums(*known: int) -> st.SearchStrategy[int]:
    """The numbers of an enum, and numbers that it does not have."""
    return st.sampled_from([*known, known[-1] + 1, 99]) | int32


def ids(size: int) -> st.SearchStrategy[bytes]:
    """Ids of `size` bytes that a span may have."""
    return st.binary(min_size=size, max_size=size).filter(any)


def any_ids(size: int) -> st.SearchStrategy[bytes]:
    """Ids as they may stand where an id is optional: also none, all zero, or too long or short."""
    return st.one_of(ids(size), st.just(b""), st.just(bytes(size)), st.binary(max_size=size + 1))


scalars: st.SearchStrategy[AnyValue] = st.one_of(
    st.builds(AnyValue, string_value=texts),
    st.builds(AnyValue, int_value=int64),
    st.builds(AnyValue, double_value=doubles),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, bytes_value=st.binary(max_size=9)),
    st.builds(AnyValue),
)
keys = st.sampled_from(_KEYS) | texts


def arrays(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    """Arrays of `values`."""
    return st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(values, max_size=4)))


def maps(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    """Maps to `values`, with keys that come twice and keys without a value."""
    return st.builds(AnyValue, kvlist_value=st.builds(KeyValueList, values=st.lists(pairs(values), max_size=4)))


@st.composite
def deep_values(draw: st.DrawFn, deepest: int = DEEPEST) -> AnyValue:
    """A scalar inside up to `deepest` levels of arrays and maps."""
    value = draw(scalars)
    for is_map in draw(st.lists(st.booleans(), min_size=2, max_size=deepest)):
        value = nest(value, is_map=is_map)
    return value


def nest(value: AnyValue, *, is_map: bool) -> AnyValue:
    """An array or a map of one element, which is `value`."""
    if is_map:
        return AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=value)]))
    return AnyValue(array_value=ArrayValue(values=[value]))


def pairs(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[KeyValue]:
    """Attributes with `values`, or with none."""
    return st.builds(KeyValue, key=keys, value=st.none() | values)


flat_values = scalars | arrays(scalars)
nested_values = st.recursive(scalars, lambda inner: arrays(inner) | maps(inner), max_leaves=6)
# Mostly what senders send: what nests takes the receiver's slower road, and the faster one needs tests too.
any_values = st.one_of(flat_values, flat_values, flat_values, nested_values, deep_values())


def attributes(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[list[KeyValue]]:
    """Lists of attributes; some keys come twice."""
    return several(pairs(values), 4)


def resources(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[Resource | None]:
    """Resources, and none."""
    entities = st.lists(st.builds(EntityRef, type=texts, id_keys=st.lists(keys, max_size=2)), max_size=1)
    return st.none() | st.builds(
        Resource, attributes=attributes(values), dropped_attributes_count=uint32, entity_refs=entities
    )


def scopes(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[InstrumentationScope | None]:
    """Scopes, and none."""
    return st.none() | st.builds(
        InstrumentationScope,
        name=texts,
        version=texts,
        attributes=attributes(values),
        dropped_attributes_count=uint32,
    )
