"""A stream whose other end a test plays."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from alcove.agents import frames, messages
from alcove.agents.messages import Message

HELLO = messages.AgentHello(1, "s1", "run", "", "life", messages.State.RUNNING, 42, 0, 0, "/app")
T = TypeVar("T", bound=Message)


class FakeAgent:
    """A stream (``connection.Stream``) and, for the test, the agent at its other end."""

    def __init__(self) -> None:
        self._to_hub: asyncio.Queue[bytes] = asyncio.Queue()
        self._heard: asyncio.Queue[frames.Frame] = asyncio.Queue()
        self._decoder = frames.Decoder(messages.TO_AGENT)
        self.reads = asyncio.Event()
        """Cleared: it does not read, as when all buffers are full."""
        self.reads.set()
        self.broken: Exception | None = None

    # -- for the client

    async def read(self) -> bytes:
        content = await self._to_hub.get()
        if self.broken is not None:
            raise self.broken
        return content

    async def write(self, content: bytes) -> None:
        await self.reads.wait()
        if self.broken is not None:
            raise self.broken
        for frame in self._decoder.feed(content):
            self._heard.put_nowait(frame)

    # -- for the test

    def say(self, message: Message, request: int = 0) -> None:
        self._to_hub.put_nowait(frames.encode(message, request))

    def say_raw(self, content: bytes) -> None:
        self._to_hub.put_nowait(content)

    def end(self) -> None:
        self._to_hub.put_nowait(b"")

    def breaks(self, error: Exception) -> None:
        self.broken = error
        self._to_hub.put_nowait(b"x")

    def heard(self) -> int:
        """How many messages wait to be heard."""
        return self._heard.qsize()

    async def hear(self, kind: type[T]) -> tuple[int, T]:
        """Give the next message, which must be of this kind, and its request."""
        request, message = await self._heard.get()
        assert isinstance(message, kind), message
        return request, message

    def greet(self) -> None:
        """Say the first message, before it is asked for."""
        self.say(HELLO)
