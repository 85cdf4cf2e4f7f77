"""A record says what it was given, and whether it is whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_collector.spool import envelope
from spanhouse_collector.spool.envelope import Envelope, Refusal

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_envelopes = st.builds(
    Envelope,
    request=st.binary(max_size=400),
    tenant=_texts,
    received_unix_nano=st.integers(0, 2**64 - 1),
    digest=st.binary(min_size=32, max_size=32),
    refused=st.lists(st.builds(Refusal, _texts, _texts), max_size=3).map(tuple),
)


@given(_envelopes)
def test_a_record_holds_what_it_was_given(content: Envelope) -> None:
    record = envelope.encode(**content._asdict())
    assert envelope.is_whole(record)
    assert envelope.decode(record) == content


@given(_envelopes)
def test_digest_and_time_are_read_from_the_first_bytes(content: Envelope) -> None:
    record = envelope.encode(**content._asdict())
    head = envelope.head(record[: envelope.HEAD_BYTES])
    assert head == (content.digest, content.received_unix_nano)


@given(_envelopes, st.data())
def test_a_record_that_was_changed_anywhere_is_not_whole(content: Envelope, data: st.DataObject) -> None:
    record = bytearray(envelope.encode(**content._asdict()))
    record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    assert not envelope.is_whole(bytes(record))


@given(_envelopes)
def test_a_part_of_a_record_is_not_whole(content: Envelope) -> None:
    record = envelope.encode(**content._asdict())
    assert not any(envelope.is_whole(record[:length]) for length in range(len(record)))
    assert not envelope.is_whole(record + b"\0")


@given(st.binary(max_size=100))
def test_other_bytes_are_no_record(data: bytes) -> None:
    assert not envelope.is_whole(data)
    with pytest.raises(ValueError, match="damaged"):
        envelope.decode(data)
