"""Values and bytes over a stream: what both ends of a call use."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from typing import Any, Protocol, TypeVar

import msgspec

from alcove.errors import UnavailableError
from alcove.sessions.frames import MAX_PAYLOAD, Decoder, Frame, FrameError, Kind

T = TypeVar("T")


class Stream(Protocol):
    """A connection (``kube.client.PortStream`` is one)."""

    async def read(self) -> bytes:
        """Give the next bytes, none at the end."""

    async def write(self, content: bytes) -> None:
        """Send; waits while the other side does not read."""


class LostError(UnavailableError):
    """The connection ended in the middle of a call."""


class Wire:
    """One call's connection."""

    def __init__(self, stream: Stream, *, peer: str) -> None:
        """Speak over ``stream``; ``peer`` is named in errors."""
        self._stream = stream
        self._peer = peer
        self._decoder = Decoder()
        self._frames: deque[Frame] = deque()

    async def send(self, value: Any) -> None:
        """Send a value (a msgspec Struct, or anything that is JSON)."""
        await self._stream.write(Frame(Kind.VALUE, msgspec.json.encode(value)).encode())

    async def send_bytes(self, chunks: Iterable[bytes]) -> None:
        """Send chunks of any length, and the mark that ends them."""
        for chunk in chunks:
            await self.send_chunk(chunk)
        await self.send_mark()

    async def send_chunk(self, chunk: bytes) -> None:
        """Send some of the bytes of a row."""
        for start in range(0, len(chunk), MAX_PAYLOAD):
            await self._stream.write(Frame(Kind.BYTES, chunk[start : start + MAX_PAYLOAD]).encode())

    async def send_mark(self) -> None:
        """End a row of bytes."""
        await self._stream.write(Frame(Kind.MARK).encode())

    async def receive(self, decoder: msgspec.json.Decoder[T]) -> T:
        """Give the next value.

        Raises:
            LostError: the connection ended, or what came is not such a value.
        """
        frame = await self.next_frame()
        if frame is None:
            raise LostError(f"the connection to {self._peer} ended")
        if frame.kind is not Kind.VALUE:
            raise LostError(f"{self._peer} sent {frame.kind.name.lower()} where a value was to come")
        return self.read_value(frame, decoder)

    def read_value(self, frame: Frame, decoder: msgspec.json.Decoder[T]) -> T:
        """Give a frame's value.

        Raises:
            LostError: it is not such a value.
        """
        try:
            return decoder.decode(frame.payload)
        except (msgspec.DecodeError, RecursionError) as error:
            raise LostError(f"{self._peer} sent what is not understood", cause=str(error)) from error

    async def receive_bytes(self) -> AsyncGenerator[bytes, None]:
        """Yield the chunks up to the mark.

        Raises:
            LostError: the connection ended before.
        """
        while True:
            frame = await self.next_frame()
            if frame is None or frame.kind is Kind.VALUE:
                raise LostError(f"the connection to {self._peer} ended in the middle of a transfer")
            if frame.kind is Kind.MARK:
                return
            yield frame.payload

    async def receive_all(self, limit: int) -> bytes:
        """Give the bytes up to the mark.

        Raises:
            LostError: the connection ended before, or there are more than ``limit``.
        """
        content = bytearray()
        async with contextlib.aclosing(self.receive_bytes()) as chunks:
            async for chunk in chunks:
                content += chunk
                if len(content) > limit:
                    raise LostError(f"{self._peer} sent more than {limit} bytes")
        return bytes(content)

    async def next_frame(self) -> Frame | None:
        """Give the next frame, None at a proper end.

        Raises:
            LostError: the connection ended within a frame, or these are no frames.
        """
        while not self._frames:
            content = await self._stream.read()
            if not content:
                if not self._decoder.is_between:
                    raise LostError(f"the connection to {self._peer} broke")
                return None
            try:
                self._frames.extend(self._decoder.feed(content))
            except FrameError as error:
                raise LostError(f"{self._peer} does not speak our protocol", cause=str(error)) from error
        return self._frames.popleft()
