from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.sessions.frames import MAX_PAYLOAD, Decoder, Frame, FrameError, Kind

FRAMES = st.lists(st.builds(Frame, st.sampled_from(Kind), st.binary(max_size=40)), max_size=8)


def feed(decoder: Decoder, content: bytes, cuts: list[int]) -> list[Frame]:
    """Feed bytes in pieces that end at these places."""
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    found: list[Frame] = []
    for start, end in itertools.pairwise(places):
        found += decoder.feed(content[start:end])
    return found


@given(FRAMES, st.lists(st.integers(0, 1000), max_size=6))
def test_frames_read_back_however_they_are_cut(frames: list[Frame], cuts: list[int]) -> None:
    decoder = Decoder()
    assert feed(decoder, b"".join(frame.encode() for frame in frames), cuts) == frames
    assert decoder.is_between


@given(FRAMES, st.data())
def test_what_is_unfinished_waits(frames: list[Frame], data: st.DataObject) -> None:
    last = Frame(Kind.BYTES, b"last")
    cut = data.draw(st.integers(1, len(last.encode()) - 1))
    decoder = Decoder()
    found = list(decoder.feed(b"".join(frame.encode() for frame in frames) + last.encode()[:cut]))
    assert found == frames and not decoder.is_between
    assert list(decoder.feed(last.encode()[cut:])) == [last]


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_are_frames_or_a_frame_error(pieces: list[bytes]) -> None:
    decoder = Decoder()
    try:
        for piece in pieces:
            for frame in decoder.feed(piece):
                assert len(frame.payload) <= MAX_PAYLOAD
    except FrameError:
        return


def test_the_largest_payload_goes_and_one_byte_more_does_not() -> None:
    frame = Frame(Kind.BYTES, bytes(MAX_PAYLOAD))
    assert list(Decoder().feed(frame.encode())) == [frame]
    with pytest.raises(ValueError, match="do not fit"):
        Frame(Kind.BYTES, bytes(MAX_PAYLOAD + 1)).encode()


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"\0\0\0\0\1", "frame of 0 bytes"),
        ((MAX_PAYLOAD + 2).to_bytes(4) + b"\1", "frame of 1048578 bytes"),
        (b"\xff\xff\xff\xff\1", "frame of"),
        (b"\0\0\0\1\0", "kind 0"),
        (b"\0\0\0\1\5", "kind 5"),
        (b"GET / HTTP/1.1\r\n", "frame of"),
    ],
)
def test_what_is_no_frame_is_refused_before_its_payload_came(head: bytes, told: str) -> None:
    with pytest.raises(FrameError, match=told):
        list(Decoder().feed(head))
