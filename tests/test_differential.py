"""ClickHouse and the reference make the same rows of the same requests, value by value, in every store."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from tests import reference, strategies
from tests.comparison import Sent, check, insert, send
from tests.recordings import Recording, recordings
from tests.reference import Request
from tests.reference import otlp_json as reference_json
from tests.spelling import otlp_json, protobuf

SIGNALS = list(reference.REQUESTS)
_REQUESTS_PER_INSERT = 60
# What a receiver must not read: nested past the limits, not UTF-8, cut, noise, enum names, a list at the top.
_REFUSED_EDGES = {"0017", "0018", "0027", "0052", "0053", "0078", "0085", "0086"}


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_recorded_request_becomes_the_rows_of_the_reference(store: Database, signal: str, tmp_path: Path) -> None:
    sent = [_recorded(recording) for recording in recordings(signal) if _is_readable(recording)]
    insert(store, signal, sent, tmp_path)
    check(store, signal, sent)


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_generated_request_becomes_the_rows_of_the_reference(store: Database, signal: str, tmp_path: Path) -> None:
    _check_generated(store, signal, tmp_path, count=60)


@pytest.mark.slow
@pytest.mark.parametrize("signal", SIGNALS)
def test_many_generated_requests_become_the_rows_of_the_reference(store: Database, signal: str, tmp_path: Path) -> None:
    _check_generated(store, signal, tmp_path, count=300)


def _check_generated(store: Database, signal: str, directory: Path, *, count: int) -> None:
    generated = _generate(signal, count)
    for start in range(0, count, _REQUESTS_PER_INSERT):
        batch = generated[start : start + _REQUESTS_PER_INSERT]
        sent = [one for request, seed in batch for one in _in_every_spelling(signal, request, Random(seed))]
        insert(store, signal, sent, directory)
        check(store, signal, sent)


def _generate(signal: str, count: int) -> list[tuple[Request, int]]:
    """Requests and seeds that Hypothesis makes up: an INSERT for each would take too long."""
    generated: list[tuple[Request, int]] = []

    @settings(max_examples=count, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategies.requests(signal), st.integers(0, 2**32 - 1))
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


def _recorded(recording: Recording) -> Sent:
    if recording.is_json:
        request = reference_json.read(recording.signal, recording.body)
    else:
        request = reference.REQUESTS[recording.signal].FromString(recording.body)
    return send(recording.signal, request, recording.body, json=recording.is_json)


def _is_readable(recording: Recording) -> bool:
    return not recording.name.startswith("edge/") or recording.name[5:9] not in _REFUSED_EDGES
