"""ClickHouse and the reference make the same rows of the same requests, value by value, in every store."""

import json
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanhouse_schema import Database
from tests import reference, strategies
from tests.reference import Request
from tests.spelling import otlp_json, protobuf
from tests.strategies.values import DEEPEST, any_values, nest
from tests.support.corpus import REFUSED, Recording, parse, recordings
from tests.support.expected_rows import Sent, check, insert, send

SIGNALS = list(reference.REQUESTS)
_REQUESTS_PER_INSERT = 60

# Legal ways to say of a value, and of a histogram, that there is nothing in it.
_NOTHING = {
    "logs": ("logRecords", {"attributes": [{"key": "k", "value": {"kvlistValue": None}}], "body": {}}),
    "metrics": (
        "metrics",
        {"histogram": {"dataPoints": [{"count": 1, "bucketCounts": [], "explicitBounds": [], "sum": None}]}},
    ),
}


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_recorded_request_becomes_the_rows_of_the_reference(store: Database, signal: str, tmp_path: Path) -> None:
    sent = [
        send(signal, parse(recording), recording.body, json=recording.is_json)
        for recording in recordings(signal)
        if recording.name not in REFUSED
    ]
    insert(store, signal, sent, tmp_path)
    check(store, signal, sent)


@pytest.mark.slow
@pytest.mark.parametrize("signal", SIGNALS)
def test_many_generated_requests_become_the_rows_of_the_reference(store: Database, signal: str, tmp_path: Path) -> None:
    _check_generated(store, signal, tmp_path, count=200)


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_deepest_values_are_kept_wherever_a_value_may_stand(store: Database, signal: str, tmp_path: Path) -> None:
    _check_generated(store, signal, tmp_path, count=20, values=_deepest())


@pytest.mark.parametrize("signal", _NOTHING)
def test_json_that_says_nothing_is_read_as_nothing(store: Database, signal: str, tmp_path: Path) -> None:
    items, item = _NOTHING[signal]
    word = signal.capitalize()
    body = json.dumps({f"resource{word}": [{f"scope{word}": [{items: [item]}]}]}).encode()
    sent = [send(signal, parse(Recording("", signal, True, body)), body, json=True)]
    insert(store, signal, sent, tmp_path)
    check(store, signal, sent)


@cache
def _deepest() -> st.SearchStrategy[AnyValue]:
    return st.sampled_from([_nested([True]), _nested([False]), _nested([True, False])])


def _nested(is_map: list[bool]) -> AnyValue:
    value = AnyValue(string_value="as deep as it gets")
    for kind in islice(cycle(is_map), DEEPEST):
        value = nest(value, is_map=kind)
    return value


def _check_generated(
    store: Database,
    signal: str,
    directory: Path,
    *,
    count: int,
    values: st.SearchStrategy[AnyValue] = any_values,
) -> None:
    generated = _generate(signal, values, count)
    for start in range(0, len(generated), _REQUESTS_PER_INSERT):
        batch = generated[start : start + _REQUESTS_PER_INSERT]
        sent = [one for request, seed in batch for one in _in_every_spelling(signal, request, Random(seed))]
        insert(store, signal, sent, directory)
        check(store, signal, sent)


# The same for every store: to make them up takes longer than to insert them.
@cache
def _generate(signal: str, values: st.SearchStrategy[AnyValue], count: int) -> list[tuple[Request, int]]:
    """Requests and seeds that Hypothesis makes up: an INSERT for each would take too long."""
    generated: list[tuple[Request, int]] = []

    @settings(max_examples=count, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategies.requests(signal, values), st.integers(0, 2**32 - 1))
    def collect(request: Request, seed: int) -> None:
        generated.append((request, seed))

    collect()
    return generated


def _in_every_spelling(signal: str, request: Request, random: Random) -> list[Sent]:
    return [
        send(signal, request, request.SerializeToString()),
        send(signal, request, protobuf.spell(request, random)),
        send(signal, request, otlp_json.spell(request, random), json=True),
    ]
