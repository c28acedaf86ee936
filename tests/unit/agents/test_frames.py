"""The codec: what is written is read again, and nothing that comes makes it raise but FramingError."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.agents import frames, messages
from alcove.agents.errors import FramingError, LostError
from alcove.agents.kinds import (
    BYTES,
    DIGEST,
    FLAG,
    I32,
    LETTER,
    REST,
    REST_TEXT,
    TEXT,
    TEXTS,
    U8,
    U16,
    U32,
    U64,
    Kind,
)
from alcove.agents.messages import STATE, TO_AGENT, TO_HUB, Message

_TEXTS = st.text(max_size=20).filter(lambda text: "\0" not in text and text.isprintable())
_VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    U8: st.integers(0, 0xFF),
    U16: st.integers(0, 0xFFFF),
    U32: st.integers(0, 0xFFFFFFFF),
    U64: st.integers(0, (1 << 64) - 1),
    I32: st.integers(-(1 << 31), (1 << 31) - 1),
    TEXT: _TEXTS,
    REST_TEXT: _TEXTS,
    TEXTS: st.lists(_TEXTS, max_size=4).map(tuple),
    BYTES: st.binary(max_size=20),
    REST: st.binary(max_size=20),
    DIGEST: st.binary(min_size=32, max_size=32),
    FLAG: st.booleans(),
    STATE: st.sampled_from(messages.State),
    LETTER: st.sampled_from("fldo-"),
}
REQUESTS = st.integers(0, 0xFFFFFFFF)


def some(kinds: messages.Kinds) -> st.SearchStrategy[Message]:
    return st.sampled_from(list(kinds.values())).flatmap(
        lambda kind: st.builds(kind, *(_VALUES[value] for value in kind.LAYOUT))
    )


class TestRoundTrip:
    @pytest.mark.parametrize("kinds", [TO_AGENT, TO_HUB], ids=["to agent", "to hub"])
    @given(data=st.data())
    def test_all_messages_however_they_are_cut(self, kinds: messages.Kinds, data: st.DataObject) -> None:
        sent = data.draw(st.lists(st.tuples(REQUESTS, some(kinds)), max_size=6))
        content = b"".join(frames.encode(message, request) for request, message in sent)
        piece = data.draw(st.integers(1, 40))
        decoder = frames.Decoder(kinds)
        received = []
        for at in range(0, len(content), piece):
            received += decoder.feed(content[at : at + piece])
        assert received == sent
        assert decoder.is_between()

    def test_every_type_has_one_message_in_each_direction(self) -> None:
        for kinds in (TO_AGENT, TO_HUB):
            assert all(number == kind.TYPE for number, kind in kinds.items())
        assert set(TO_AGENT) & set(TO_HUB) == {0}

    def test_what_it_looks_like_on_the_wire(self) -> None:
        frame = frames.encode(messages.Stop(("a", "bc"), 500), 7)
        assert frame.hex(" ") == (
            "00 00 00 18 0e 00 00 00 07 00 00 00 02 00 00 00 01 61 00 00 00 02 62 63 00 00 01 f4"
        )

    def test_names_that_are_no_text_pass(self) -> None:
        name = b"\xff\xfe".decode("utf-8", "surrogateescape")
        decoder = frames.Decoder(TO_AGENT)
        ((_, message),) = decoder.feed(frames.encode(messages.Remove(name)))
        assert message == messages.Remove(name)


class TestWriting:
    @pytest.mark.parametrize(
        "message",
        [
            messages.Remove("a\0b"),
            messages.Run(("a", "b\0")),
            messages.Mode("a", -1),
            messages.Mode("a", 1 << 32),
            messages.File("a", 0, 0, b"short"),
            messages.Data(bytes(frames.LARGEST)),
            messages.Run(("x" * 600_000, "y" * 600_000)),
        ],
        ids=repr,
    )
    def test_what_cannot_be_said_is_refused(self, message: Message) -> None:
        with pytest.raises(ValueError, match=r"NUL|fit|bytes"):
            frames.encode(message)

    def test_the_largest_piece_fits(self) -> None:
        frame = frames.encode(messages.Data(bytes(frames.LARGEST - 5)), 1)
        assert len(frames.Decoder(TO_AGENT).feed(frame)) == 1


class TestReading:
    @given(content=st.binary(max_size=200), kinds=st.sampled_from([TO_AGENT, TO_HUB]))
    def test_random_bytes(self, content: bytes, kinds: messages.Kinds) -> None:
        decoder = frames.Decoder(kinds)
        try:
            decoder.feed(content)
        except FramingError as error:
            assert isinstance(error, LostError)

    @given(message=some(TO_HUB), at=st.integers(0, 200), byte=st.integers(0, 255))
    def test_a_changed_byte(self, message: Message, at: int, byte: int) -> None:
        frame = bytearray(frames.encode(message, 1))
        frame[at % len(frame)] = byte
        try:
            frames.Decoder(TO_HUB).feed(bytes(frame))
        except FramingError as error:
            assert error.cause

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"\0\0\0\4\x40\0\0\0", "says that it has 4 bytes"),
            ((frames.LARGEST + 1).to_bytes(4), "says that it has"),
            (b"\0\0\0\5\x10\0\0\0\1", "no message of type 16"),
            (b"\0\0\0\6\x40\0\0\0\1x", "shorter than it says"),
            (b"\0\0\0\x0a\x40\0\0\0\1\0\0\0\0x", "longer than it says"),
        ],
    )
    def test_what_is_no_message(self, content: bytes, reason: str) -> None:
        with pytest.raises(FramingError, match=reason):
            frames.Decoder(TO_HUB).feed(content)

    def test_a_state_that_is_none(self) -> None:
        hello = messages.AgentHello(1, "s", "run", "", "i", messages.State.RUNNING, 1, 0, 0, "/")
        frame = frames.encode(hello).replace(b"\0\0\0\1i\1", b"\0\0\0\1i\7")
        with pytest.raises(FramingError, match="no state 7"):
            frames.Decoder(TO_HUB).feed(frame)

    def test_what_is_unfinished_waits(self) -> None:
        decoder = frames.Decoder(TO_HUB)
        frame = frames.encode(messages.Done(3), 4)
        assert decoder.feed(frame[:-1]) == []
        assert not decoder.is_between()
        assert decoder.feed(frame[-1:]) == [(4, messages.Done(3))]
