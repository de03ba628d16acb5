"""Of large records only the pieces that changed are written, and what is referred to is all there is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import pieces as module
from streams.pieces import Pieces

RECORDS = st.lists(st.binary(max_size=30), max_size=4)


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE", 4)
        yield


def test_only_the_pieces_that_changed_are_written() -> None:
    pieces = Pieces(3, "shop/0", [])
    first = pieces.cut(7, [b"aaaabbbbcc", b"dddd"])

    second = pieces.cut(9, [b"aaaaBBBBcc", b"dddd"])

    assert (len(first), list(second.values())) == (4, [b"BBBB"])
    assert pieces.written == [[7, 9, 7], [7]]


def test_after_a_restart_all_is_written_once() -> None:
    before = Pieces(3, "shop/0", [])
    first = before.cut(7, [b"aaaabbbb"])
    after = Pieces(3, "shop/0", before.written)
    assert set(after.referred()) == set(first)

    assert len(after.cut(9, [b"aaaabbbb"])) == 2
    assert after.cut(11, [b"aaaabbbb"]) == {}


@given(st.lists(RECORDS, min_size=1, max_size=6), st.sets(st.integers(0, 5)))
def test_what_a_snapshot_refers_to_is_there_and_never_written_over(
    snapshots: list[list[bytes]], restarts: set[int]
) -> None:
    store: dict[bytes, bytes] = {}
    pieces = Pieces(0, "shop/0", [])
    for offset, records in enumerate(snapshots):
        written = pieces.cut(offset, records)
        assert not written.keys() & store.keys()
        store |= written
        if offset in restarts:
            pieces = Pieces(0, "shop/0", pieces.written)
        referred = list(pieces.referred())
        assert b"".join(store[key] for key in referred) == b"".join(records)
        assert len(set(referred)) == len(referred)


@given(st.lists(RECORDS, min_size=2, max_size=6), st.data())
def test_a_piece_of_one_name_is_the_same_whoever_writes_it(
    snapshots: list[list[bytes]], data: st.DataObject
) -> None:
    steady, restarted = Pieces(0, "shop/0", []), Pieces(0, "shop/0", [])
    store: dict[bytes, bytes] = {}
    for offset, records in enumerate(snapshots):
        store |= steady.cut(offset, records)
        if data.draw(st.booleans()):
            # The other one takes its snapshots more seldom.
            for key, piece in restarted.cut(offset, records).items():
                assert store.get(key, piece) == piece
