"""Values, bytes and beats over a stream; who is not heard of is gone."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sessions.streams import Recorded, wires

from alcove import aio
from alcove.sessions import calls
from alcove.sessions.calls import REQUEST, Hello, List
from alcove.sessions.frames import MAX_PAYLOAD, Frame, Kind
from alcove.sessions.wire import LostError, Wire

VALUE = Frame(Kind.VALUE, b'{"told":"exited","code":3}').encode()
BYTES = Frame(Kind.BYTES, b"some").encode()
MARK = Frame(Kind.MARK).encode()


def recorded(*pieces: bytes) -> Wire:
    return Wire(Recorded(*pieces), peer="the hub")


async def test_values_and_rows_of_bytes_arrive_in_their_order() -> None:
    near, far = wires()
    await near.send(calls.Exited(3))
    await near.send_bytes([b"a", b"", b"bc"])
    await near.send(calls.Exited(4))
    assert await far.receive(calls.TOLD) == calls.Exited(3)
    assert await far.receive_all(3) == b"abc"
    assert await far.receive(calls.TOLD) == calls.Exited(4)


async def test_a_chunk_of_any_length_is_cut_into_frames() -> None:
    near, far = wires()
    content = bytes(range(256)) * (MAX_PAYLOAD // 100)
    await near.send_bytes([content])
    pieces = [piece async for piece in far.receive_bytes()]
    assert b"".join(pieces) == content and max(map(len, pieces)) == MAX_PAYLOAD


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ((), "the connection to the hub ended"),
        ((VALUE[:3],), "broke"),
        ((VALUE[:-1],), "broke"),
        ((BYTES,), "sent bytes where a value"),
        ((MARK,), "sent mark where a value"),
        ((b"SSH-2.0-OpenSSH\r\n",), "does not speak our protocol"),
        ((Frame(Kind.VALUE, b"{").encode(),), "not understood"),
        ((Frame(Kind.VALUE, b'{"told":"nothing"}').encode(),), "not understood"),
        ((Frame(Kind.VALUE, b'{"told":"exited","code":"3"}').encode(),), "not understood"),
        ((Frame(Kind.VALUE, b"\xff\xfe").encode(),), "not understood"),
        ((Frame(Kind.VALUE, b"[" * 200_000).encode(),), "not understood"),
    ],
)
async def test_no_value_is_a_lost_connection(pieces: tuple[bytes, ...], told: str) -> None:
    with pytest.raises(LostError, match=told):
        await recorded(*pieces).receive(calls.TOLD)


@pytest.mark.parametrize("pieces", [(), (BYTES,), (BYTES, VALUE), (VALUE,), (BYTES, MARK[:2])])
async def test_a_row_that_does_not_end_is_a_lost_connection(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(LostError):
        await recorded(*pieces).receive_all(1000)


async def test_a_row_is_bounded() -> None:
    assert await recorded(BYTES, BYTES, MARK).receive_all(8) == b"somesome"
    with pytest.raises(LostError, match="more than 7 bytes"):
        await recorded(BYTES, BYTES, MARK).receive_all(7)


async def test_the_end_between_frames_is_a_proper_end() -> None:
    wire = recorded(BYTES + MARK)
    frames = [await wire.next_frame() for _ in range(3)]
    assert [frame and frame.kind for frame in frames] == [Kind.BYTES, Kind.MARK, None]


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_whatever_comes_the_worst_is_a_lost_connection(pieces: list[bytes]) -> None:
    async def read() -> None:
        wire = recorded(*filter(None, pieces))
        try:
            while await wire.next_frame() is not None:
                pass
        except LostError:
            return

    asyncio.run(read())


async def test_what_came_before_the_damage_is_read() -> None:
    wire = recorded(VALUE + b"\0\0\0\0\0")
    with pytest.raises(LostError, match="our protocol"):
        await wire.receive(calls.TOLD)
    assert await wire.receive(calls.TOLD) == calls.Exited(3)


class Pipe:
    """One direction of bytes."""

    def __init__(self) -> None:
        self.written: deque[bytes] = deque()
        self._something = asyncio.Event()
        self.taken = asyncio.Event()
        self.taken.set()

    async def write(self, content: bytes) -> None:
        # In two pieces, as a stream that bounds its messages.
        for piece in (content[:3], content[3:]):
            await self.taken.wait()
            self.written.append(piece)
            self._something.set()
            await asyncio.sleep(0)

    def end(self) -> None:
        self.written.append(b"")
        self._something.set()

    async def read(self) -> bytes:
        while not self.written:
            self._something.clear()
            await self._something.wait()
        return self.written.popleft()


async def test_beats_come_between_frames_and_are_not_seen() -> None:
    pipe = Pipe()
    here, there = Wire(pipe, peer="there"), Wire(pipe, peer="here")
    async with aio.open_background(name="test") as tasks:
        tasks.start(here.beat(every=0), name="beat")
        await here.send(Hello())
        await here.send_bytes([b"a" * 10, b"b"])
        await here.send(List())
        assert await there.receive(REQUEST) == Hello()
        assert await there.receive_all(100) == b"a" * 10 + b"b"
        assert await there.receive(REQUEST) == List()


async def test_who_only_beats_is_not_lost() -> None:
    pipe = Pipe()
    for _ in range(3):
        await pipe.write(Frame(Kind.BEAT).encode())
    pipe.end()
    assert await Wire(pipe, peer="there").next_frame() is None


async def test_who_is_not_heard_of_is_gone() -> None:
    with pytest.raises(LostError) as found:
        await Wire(Pipe(), peer="the hub", patience=0.01).next_frame()
    assert "the hub" in found.value.message and "no sign" in found.value.cause


async def test_who_takes_nothing_is_gone() -> None:
    pipe = Pipe()
    pipe.taken.clear()
    wire = Wire(pipe, peer="the hub", patience=0.01)
    with pytest.raises(LostError) as found:
        await wire.send(Hello())
    assert "nothing is taken" in found.value.cause


async def test_beats_end_quietly_with_the_connection() -> None:
    pipe = Pipe()
    pipe.taken.clear()
    await Wire(pipe, peer="the hub", patience=0.01).beat(every=0)
