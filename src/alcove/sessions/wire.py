"""Values and bytes over a stream: what both ends of a call use.

A connection that is gone does not always say so: a router forgets it, a workstation sleeps. So each side
sends beats while its call lasts, and who hears nothing at all for long enough takes the call for lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from typing import Any, Protocol, TypeVar

import msgspec

from alcove.errors import AlcoveError, UnavailableError
from alcove.sessions.frames import MAX_PAYLOAD, Decoder, Frame, FrameError, Kind

T = TypeVar("T")

BEAT_SECONDS = 5.0
PATIENCE = 20.0
"""Seconds without a sign of the other side after which it is taken for gone."""
_WRITE_PATIENCE = 3
"""How many times as long it may take until the other side takes a frame: networks are slow."""


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

    def __init__(self, stream: Stream, *, peer: str, patience: float = PATIENCE) -> None:
        """Speak over ``stream``; ``peer`` is named in errors, and gone after ``patience`` silent seconds."""
        self._stream = stream
        self._peer = peer
        self._patience = patience
        self._writing = asyncio.Lock()
        self._decoder = Decoder()
        self._frames: deque[Frame] = deque()

    async def beat(self, every: float = BEAT_SECONDS) -> None:
        """Show that this side is there, until cancelled or until it cannot be shown any more."""
        with contextlib.suppress(AlcoveError):
            while True:
                await asyncio.sleep(every)
                await self._write(Frame(Kind.BEAT))

    async def send(self, value: Any) -> None:
        """Send a value (a msgspec Struct, or anything that is JSON)."""
        await self._write(Frame(Kind.VALUE, msgspec.json.encode(value)))

    async def send_bytes(self, chunks: Iterable[bytes]) -> None:
        """Send chunks of any length, and the mark that ends them."""
        for chunk in chunks:
            await self.send_chunk(chunk)
        await self.send_mark()

    async def send_chunk(self, chunk: bytes) -> None:
        """Send some of the bytes of a row."""
        for start in range(0, len(chunk), MAX_PAYLOAD):
            await self._write(Frame(Kind.BYTES, chunk[start : start + MAX_PAYLOAD]))

    async def send_mark(self) -> None:
        """End a row of bytes."""
        await self._write(Frame(Kind.MARK))

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
        """Give the next frame that carries something, None at a proper end.

        Raises:
            LostError: the connection ended within a frame, these are no frames, or nothing comes at all.
        """
        while True:
            while self._frames:
                frame = self._frames.popleft()
                if frame.kind is not Kind.BEAT:
                    return frame
            content = await self._read()
            if not content:
                if not self._decoder.is_between:
                    raise LostError(f"the connection to {self._peer} broke")
                return None
            try:
                self._frames.extend(self._decoder.feed(content))
            except FrameError as error:
                raise LostError(f"{self._peer} does not speak our protocol", cause=str(error)) from error

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(self._patience):
                return await self._stream.read()
        except TimeoutError as error:
            raise LostError(
                f"the connection to {self._peer} was lost", cause=f"no sign for {self._patience:g} s"
            ) from error

    async def _write(self, frame: Frame) -> None:
        longest = self._patience * _WRITE_PATIENCE
        try:
            async with asyncio.timeout(longest), self._writing:
                await self._stream.write(frame.encode())
        except TimeoutError as error:
            raise LostError(
                f"the connection to {self._peer} was lost", cause=f"nothing is taken for {longest:g} s"
            ) from error
