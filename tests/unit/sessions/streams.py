"""Streams of which a test is the other end."""

from __future__ import annotations

import asyncio

from alcove.sessions.wire import Wire


class Recorded:
    """A stream that was recorded: these pieces come, then the end; what is written is kept."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)
        self.written = b""

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def write(self, content: bytes) -> None:
        self.written += content


class End:
    """One end of a connection in memory (``wire.Stream``); the other end reads what this one writes."""

    def __init__(self) -> None:
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self.other: End = self

    async def read(self) -> bytes:
        return await self._incoming.get()

    async def write(self, content: bytes) -> None:
        if content:
            self.other._incoming.put_nowait(content)
        await asyncio.sleep(0)

    def close(self) -> None:
        """Let the other end see the end."""
        self.other._incoming.put_nowait(b"")


def connect() -> tuple[End, End]:
    one, two = End(), End()
    one.other, two.other = two, one
    return one, two


def wires() -> tuple[Wire, Wire]:
    """Give both ends of a call: the workstation's and the hub's."""
    near, far = connect()
    return Wire(near, peer="the hub"), Wire(far, peer="the workstation")
