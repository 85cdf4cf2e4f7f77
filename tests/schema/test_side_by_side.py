"""Pieces that several settlings work on at once come back in order, and none is begun long before it is asked for."""

import threading
from collections.abc import Iterator

import pytest

from spanhouse_schema import Database
from spanhouse_schema.derive.settling import Settling
from spanhouse_schema.proof.side_by_side import in_order

_TIMEOUT_S = 60


def test_pieces_come_back_in_their_order_whichever_ends_first(database: Database) -> None:
    second_has_ended = threading.Event()

    def work(_: Settling, piece: int) -> int:
        if piece == 0:
            assert second_has_ended.wait(_TIMEOUT_S), "the second piece is worked on beside the first"
        if piece == 1:
            second_has_ended.set()
        return piece * 10

    assert list(in_order(_settlings(database), work, range(5))) == [(piece, piece * 10) for piece in range(5)]


def test_a_settling_works_on_one_piece_at_a_time(database: Database) -> None:
    busy: set[Settling] = set()

    def work(settling: Settling, piece: int) -> int:
        assert settling not in busy
        busy.add(settling)
        busy.remove(settling)
        return piece

    assert len(list(in_order(_settlings(database), work, range(100)))) == 100


def test_pieces_are_asked_for_as_they_are_worked_on(database: Database) -> None:
    asked = []

    def pieces() -> Iterator[int]:
        for piece in range(100):
            asked.append(piece)
            yield piece

    results = in_order(_settlings(database), lambda _, piece: piece, pieces())
    assert next(results) == (0, 0)
    assert asked == [0, 1, 2]
    results.close()


def test_an_error_ends_the_work_behind_it(database: Database) -> None:
    done = []

    def work(_: Settling, piece: int) -> None:
        if piece == 2:
            raise ValueError(piece)
        done.append(piece)

    with pytest.raises(ValueError, match="2"):
        list(in_order(_settlings(database), work, range(100)))
    assert set(done) <= {0, 1, 3, 4}


def _settlings(database: Database) -> tuple[Settling, Settling]:
    return Settling(database), Settling(database)
