"""After a crash, a segment holds the records that were whole."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from spanhouse_collector.spool import recovery, segment
from spanhouse_collector.spool.segment import OpenSegment, Segment
from tests.collector.spooling import send

_RECORDS = [send(bytes([number]) * size).record for number, size in enumerate((0, 1, 200, 63))]


def _crashed(directory: Path, data: bytes) -> Path:
    path = directory / "000000000007-0123456789abcdef.open"
    path.write_bytes(data)
    return path


def _records(sealed: Segment | None) -> list[bytes]:
    return list(sealed.read(sealed.extents())) if sealed else []


def test_a_tail_torn_at_any_byte_is_cut_behind_the_last_whole_record(tmp_path: Path) -> None:
    data = b"".join(_RECORDS)
    ends = [len(b"".join(_RECORDS[:count])) for count in range(len(_RECORDS) + 1)]
    for length in range(len(data) + 1):
        recovered = segment.recover(_crashed(tmp_path, data[:length]))
        whole = max(count for count, end in enumerate(ends) if end <= length)
        assert _records(recovered) == _RECORDS[:whole]
        assert len(list(tmp_path.iterdir())) == (1 if whole else 0)
        for path in tmp_path.iterdir():
            path.unlink()


@pytest.mark.parametrize("tail", [bytes(5000), b"\xff" * 30, b"\x7f" + bytes(200), _RECORDS[2][:-1] + b"?"])
def test_a_tail_that_is_no_record_is_cut(tmp_path: Path, tail: bytes) -> None:
    assert _records(segment.recover(_crashed(tmp_path, b"".join(_RECORDS) + tail))) == _RECORDS


def test_a_cut_is_logged_and_nothing_else_is(tmp_path: Path) -> None:
    with capture_logs() as logged:
        for data in (b"".join(_RECORDS) + b"torn", b"".join(_RECORDS), b"", b"torn"):
            _crashed(tmp_path, data)
            recovery.recover(tmp_path)
    assert [(event["event"], event["bytes"]) for event in logged] == [("cut off a torn tail", 4)] * 2


def test_what_is_damaged_in_a_sealed_segment_is_its_last_record(tmp_path: Path) -> None:
    path = tmp_path / "1-a.segment"
    path.write_bytes(b"".join(_RECORDS) + b"\xff" * 100)
    assert _records(Segment.at(path)) == [*_RECORDS, b"\xff" * 100]


def test_a_segment_grows_and_is_sealed_under_its_token(tmp_path: Path) -> None:
    growing = OpenSegment(tmp_path, 12)
    growing.append(_RECORDS[:2])
    growing.append(_RECORDS[2:])
    growing.probe()
    sealed = growing.seal()
    assert _records(sealed) == _RECORDS
    assert sealed.size == sealed.path.stat().st_size == growing.size
    assert segment.number(sealed.path) == 12
    assert [path.stem for path in tmp_path.iterdir()] == [sealed.token]


def test_two_segments_of_the_same_number_have_different_tokens(tmp_path: Path) -> None:
    first, second = OpenSegment(tmp_path, 1), OpenSegment(tmp_path, 1)
    assert first.path.stem != second.path.stem
    first.discard()
    second.discard()
