"""A stream of octets cut into PDUs, however the network cuts it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.carriers.smpp.framer import LONGEST_PDU, Framer
from a1gateway.carriers.smpp.pdu import MalformedPdu


def frame(body: bytes) -> bytes:
    """A PDU as far as the framer knows one."""
    return (16 + len(body)).to_bytes(4) + b"\0\0\0\x15" + bytes(8) + body


def fed(pieces: list[bytes]) -> tuple[list[bytes], str | None]:
    """What comes out of a new framer, and what it says when it gives up."""
    framer, whole = Framer(), list[bytes]()
    for piece in pieces:
        try:
            whole += framer.feed(piece)
        except MalformedPdu as trouble:
            return whole + trouble.before, str(trouble)
        # The tests look inside here alone: how much is held is not to be seen from outside.
        assert len(framer._held) < LONGEST_PDU
    return whole, None


@st.composite
def cut_streams(draw: st.DrawFn, streams: st.SearchStrategy[bytes]) -> tuple[bytes, list[bytes]]:
    """A stream, and the pieces in which it comes."""
    stream = draw(streams)
    places = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    return stream, [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]


FRAMES = st.lists(st.binary(max_size=60).map(frame), max_size=8)
# Mostly lengths that are possible or nearly so, for a random one is nearly always absurd.
STREAMS = st.lists(
    st.one_of(st.binary(max_size=40), st.sampled_from((b"\0\0\0", b"\0\x01\x11\x70")), FRAMES.map(b"".join))
)


@given(FRAMES, st.data())
def test_pdus_come_out_whole_and_in_order_in_any_cuts(frames: list[bytes], data: st.DataObject) -> None:
    _, pieces = data.draw(cut_streams(st.just(b"".join(frames))))
    assert fed(pieces) == (frames, None)


def test_octet_by_octet() -> None:
    frames = [frame(b""), frame(b"a" * 300), frame(b"")]
    assert fed([bytes((octet,)) for octet in b"".join(frames)]) == (frames, None)


def test_a_pdu_comes_out_with_its_last_octet_and_not_before() -> None:
    framer = Framer()
    assert framer.feed(frame(b"body")[:-1]) == []
    assert framer.feed(b"y") == [frame(b"body")]
    assert framer.feed(b"") == []


@given(cut_streams(STREAMS.map(b"".join)))
def test_any_stream_is_understood_alike_in_any_cuts(cut: tuple[bytes, list[bytes]]) -> None:
    stream, pieces = cut
    whole, trouble = fed(pieces)
    assert (whole, trouble) == fed([stream])
    assert stream.startswith(b"".join(whole))
    if trouble is None:
        assert len(stream) - len(b"".join(whole)) < LONGEST_PDU


@pytest.mark.parametrize("length", [0, 1, 15, LONGEST_PDU + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_impossible_length_is_refused_as_soon_as_it_is_there(length: int) -> None:
    framer = Framer()
    with pytest.raises(MalformedPdu, match=f"claims {length} octets") as caught:
        framer.feed(length.to_bytes(4))
    assert caught.value.before == []


@pytest.mark.parametrize("length", [16, LONGEST_PDU])
def test_the_shortest_and_the_longest_pdu_are_possible(length: int) -> None:
    longest = frame(bytes(length - 16))
    assert fed([longest]) == ([longest], None)


def test_the_pdus_before_an_impossible_length_are_handed_over() -> None:
    framer = Framer()
    with pytest.raises(MalformedPdu) as caught:
        framer.feed(frame(b"1") + frame(b"2") + b"\0\0\0\x0f" + b"rest")
    assert caught.value.before == [frame(b"1"), frame(b"2")]


def test_behind_an_impossible_length_nothing_is_understood_or_held_any_more() -> None:
    framer = Framer()
    for data in (frame(b"1") + bytes(8), frame(b"2"), bytes(100_000), b""):
        with pytest.raises(MalformedPdu) as caught:
            framer.feed(data)
        assert caught.value.before == ([frame(b"1")] if data.startswith(frame(b"1")) else [])
        assert len(framer._held) == 4


def test_of_a_flood_only_the_pdu_that_is_not_whole_is_held() -> None:
    framer = Framer()
    flood = frame(b"x" * 1000) * 500
    assert len(framer.feed(flood + flood[:900])) == 500
    assert len(framer._held) == 900
