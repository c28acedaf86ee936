from __future__ import annotations

import contextlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.serving.peers import SpdyPeer

from alcove.embedded.serving import spdy
from alcove.embedded.serving.spdy import (
    AnswerDue,
    DataReceived,
    SpdyConnection,
    SpdyError,
    StreamEnded,
    StreamOpened,
    StreamReset,
)


def test_a_transcript_of_one_stream() -> None:
    peer, ours = SpdyPeer(), SpdyConnection()
    assert ours.receive(peer.open(1, {"streamType": "data", "port": "80"})) == [
        StreamOpened(1, {"streamtype": "data", "port": "80"})
    ]
    assert peer.receive(ours.reply(1)) == [("reply", 1, b"")]
    assert ours.receive(peer.data(1, b"ask")) == [DataReceived(1, b"ask")]
    assert ours.receive(peer.data(1, b"", end=True)) == [StreamEnded(1)]
    assert ours.receive(peer.data(1, b"late")) == []
    assert peer.receive(ours.send(1, b"answer")) == [("data", 1, b"answer")]
    assert peer.receive(ours.send(1, b"", end=True)) == [("end", 1, b"")]
    assert ours.send(1, b"late") == b""


def test_headers_are_compressed_over_streams() -> None:
    peer, ours = SpdyPeer(), SpdyConnection()
    headers = {"streamtype": "error", "port": "8080", "requestid": "0"}
    for stream in (1, 3, 5):
        assert ours.receive(peer.open(stream, headers)) == [StreamOpened(stream, headers)]
    assert [peer.receive(ours.reply(stream)) for stream in (1, 3)] == [
        [("reply", 1, b"")],
        [("reply", 3, b"")],
    ]


def test_the_dictionary_is_the_one_of_the_protocol() -> None:
    assert zlib.adler32(spdy._DICTIONARY) == 0xE3C6A7C2


def test_a_ping_of_the_peer_is_answered_as_it_is() -> None:
    ping = struct.pack(">III", 0x80030006, 4, 7)
    assert SpdyConnection().receive(ping) == [AnswerDue(ping)]
    assert SpdyConnection().receive(struct.pack(">III", 0x80030006, 4, 8)) == []


def test_a_reset_ends_both_ways() -> None:
    peer, ours = SpdyPeer(), SpdyConnection()
    ours.receive(peer.open(1, {}))
    assert ours.receive(struct.pack(">IIII", 0x80030003, 8, 1, 5)) == [StreamReset(1)]
    assert ours.send(1, b"x") == b""


@pytest.mark.parametrize("kind", [4, 7, 8, 9, 99])
def test_frames_that_change_nothing_are_left_aside(kind: int) -> None:
    assert SpdyConnection().receive(struct.pack(">II", 0x80030000 | kind, 8) + bytes(8)) == []


def test_more_streams_than_can_be_are_refused() -> None:
    peer, ours = SpdyPeer(), SpdyConnection()
    for number in range(spdy.MOST_STREAMS):
        ours.receive(peer.open(2 * number + 1, {}))
    (refusal,) = ours.receive(peer.open(2 * spdy.MOST_STREAMS + 1, {}))
    assert isinstance(refusal, AnswerDue)
    assert struct.unpack(">IIII", refusal.content)[3] == spdy.REFUSED_STREAM


@pytest.mark.parametrize(
    "content",
    [
        struct.pack(">II", 0x80020001, 0),
        struct.pack(">II", 1, spdy.LONGEST_FRAME + 1),
        struct.pack(">II", 0x80030006, 0),
        struct.pack(">II", 0x80030001, 12) + struct.pack(">IIHH", 1, 0, 0, 0xFFFF),
        SpdyPeer().open(2, {}),
        SpdyPeer().open(1, {}) + SpdyPeer().open(1, {}),
        SpdyPeer().open(1, {"a": "b" * 20_000}),
    ],
)
def test_what_is_not_spdy_is_an_error(content: bytes) -> None:
    with pytest.raises(SpdyError):
        SpdyConnection().receive(content)


@given(st.lists(st.binary(max_size=40)))
def test_random_bytes_raise_nothing_else(pieces: list[bytes]) -> None:
    ours = SpdyConnection()
    with contextlib.suppress(SpdyError):
        for piece in pieces:
            ours.receive(piece)


@given(st.lists(st.tuples(st.integers(0x80030000, 0x80030009), st.integers(0, 255), st.binary(max_size=30))))
def test_random_frames_raise_nothing_else(frames: list[tuple[int, int, bytes]]) -> None:
    ours = SpdyConnection()
    with contextlib.suppress(SpdyError):
        for head, flags, body in frames:
            ours.receive(struct.pack(">II", head, flags << 24 | len(body)) + body)


@given(st.lists(st.binary(max_size=20), min_size=1), st.lists(st.integers(1, 50), min_size=1))
def test_the_cut_of_the_bytes_does_not_matter(contents: list[bytes], cuts: list[int]) -> None:
    peer, whole, cut = SpdyPeer(), SpdyConnection(), SpdyConnection()
    sent = peer.open(1, {"port": "1"}) + b"".join(peer.data(1, content) for content in contents)
    expected = whole.receive(sent)
    found, place = [], 0
    while place < len(sent):
        size = cuts[place % len(cuts)]
        found += cut.receive(sent[place : place + size])
        place += size
    assert found == expected
