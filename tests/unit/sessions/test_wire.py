"""Values, bytes and beats over a stream; who is not heard of is gone."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from alcove import aio
from alcove.sessions.calls import REQUEST, Hello, List
from alcove.sessions.frames import Frame, Kind
from alcove.sessions.wire import LostError, Wire


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
