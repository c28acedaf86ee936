"""``pods/portforward`` over WebSocket, in the two ways that clients speak it.

kubectl tunnels SPDY: each connection is a pair of streams (``data`` and ``error``) with the same request id,
opened when a local client connects. Older clients name the ports in the query and get two channels for each,
numbered by the first byte of a message. Either way a port that cannot be reached is told on the connection's
error stream, and the others go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from alcove.aio import Background, open_background
from alcove.embedded.faults import ApiError
from alcove.embedded.serving import spdy

TUNNEL = "SPDY/3.1+portforward.k8s.io"
CHANNELS = ("v4.channel.k8s.io", "portforward.k8s.io")
OpenPort = Callable[[int], AbstractAsyncContextManager[tuple[Any, Any]]]
_PIECE = 128 << 10
_MOST_WAITING = 32
"""Messages that wait for one slow connection before its whole client is held back."""


class Inbox:
    """What a client sent on one connection and the pod has not taken yet; bounded."""

    def __init__(self) -> None:
        """Begin empty and open."""
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_WAITING)
        self._open = True

    async def put(self, content: bytes | None) -> None:
        """Add bytes, or None for their end; waits while there is no room, drops them after ``close``."""
        if self._open:
            await self._waiting.put(content)

    async def take(self) -> bytes | None:
        """Wait for the next bytes; None is their end."""
        return await self._waiting.get()

    def close(self) -> None:
        """Drop what there is, so that nobody waits for room any longer."""
        self._open = False
        while not self._waiting.empty():
            self._waiting.get_nowait()


async def carry(
    connection: AbstractAsyncContextManager[tuple[Any, Any]],
    inbox: Inbox,
    send: Callable[[bytes], Awaitable[None]],
) -> str:
    """Connect and copy both ways until the pod ends its side; give what went wrong, else nothing."""
    try:
        async with connection as (reader, writer), open_background(name="port") as background:
            background.start(_feed(inbox, writer), name="feed")
            with contextlib.suppress(OSError):
                while content := await reader.read(_PIECE):
                    await send(content)
    except ApiError as error:
        return error.message
    except OSError as error:
        return f"connect: {_told(error)}"
    finally:
        inbox.close()
    return ""


def _told(error: OSError) -> str:
    """Say what the system says: asyncio puts addresses into its errors, which are the pod's own affair."""
    known = os.strerror(error.errno) if error.errno else str(error)
    return (known or type(error).__name__).lower()


async def _feed(inbox: Inbox, writer: Any) -> None:
    with contextlib.suppress(OSError):
        while (content := await inbox.take()) is not None:
            writer.write(content)
            await writer.drain()
        writer.write_eof()


async def _messages(socket: web.WebSocketResponse) -> AsyncIterator[bytes]:
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            yield message.data


# ------------------------------------------------------------------------------------------------- tunnel


@dataclass(slots=True)
class _Pair:
    port: int
    streams: dict[str, int] = field(default_factory=dict)


class Tunnel:
    """The streams of one kubectl."""

    def __init__(self, socket: web.WebSocketResponse, open_port: OpenPort, background: Background) -> None:
        """Speak SPDY on ``socket``; each connection is a task of ``background``."""
        self._socket = socket
        self._open_port = open_port
        self._background = background
        self._spdy = spdy.SpdyConnection()
        self._pairs: dict[str, _Pair] = {}
        self._inboxes: dict[int, Inbox] = {}
        self._tasks: dict[int, asyncio.Task[Any]] = {}

    async def serve(self) -> None:
        """Carry connections until the client leaves or breaks the protocol."""
        with contextlib.suppress(spdy.SpdyError):
            async for content in _messages(self._socket):
                for event in self._spdy.receive(content):
                    await self._take(event)

    async def _take(self, event: spdy.Event) -> None:
        match event:
            case spdy.AnswerDue(content):
                await self._socket.send_bytes(content)
            case spdy.StreamOpened(stream, headers):
                await self._open(stream, headers)
            case spdy.DataReceived(stream, content) if stream in self._inboxes:
                await self._inboxes[stream].put(content)
            case spdy.StreamEnded(stream) if stream in self._inboxes:
                await self._inboxes[stream].put(None)
            case spdy.StreamReset(stream) if stream in self._tasks:
                self._tasks[stream].cancel()

    async def _open(self, stream: int, headers: Any) -> None:
        kind, port = headers.get("streamtype", ""), headers.get("port", "")
        request = headers.get("requestid", "") or f"port {port}"
        valid = port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 1 << 16
        if kind not in ("data", "error") or not valid:
            await self._socket.send_bytes(self._spdy.reset(stream))
            return
        pair = self._pairs.setdefault(request, _Pair(int(port)))
        pair.streams[kind] = stream
        await self._socket.send_bytes(self._spdy.reply(stream))
        if len(pair.streams) == 2:
            del self._pairs[request]
            data, error = pair.streams["data"], pair.streams["error"]
            self._inboxes[data] = Inbox()
            work = self._carry(pair.port, data, error)
            self._tasks[data] = self._background.start(work, name=f"{pair.port}/{data}")

    async def _carry(self, port: int, data: int, error: int) -> None:
        try:
            wrong = await carry(
                self._open_port(port), self._inboxes[data], lambda some: self._send(data, some)
            )
            told = f"error forwarding port {port}: {wrong}".encode() if wrong else b""
            await self._send(error, told, end=True)
            await self._send(data, b"", end=True)
        except ConnectionError:
            return
        finally:
            del self._inboxes[data], self._tasks[data]

    async def _send(self, stream: int, content: bytes, *, end: bool = False) -> None:
        frame = self._spdy.send(stream, content, end=end)
        if frame:
            await self._socket.send_bytes(frame)


async def serve_tunnel(socket: web.WebSocketResponse, open_port: OpenPort) -> None:
    """Forward ports for a client that tunnels SPDY."""
    async with open_background(name="portforward") as background:
        await Tunnel(socket, open_port, background).serve()


# ----------------------------------------------------------------------------------------------- channels


async def serve_channels(socket: web.WebSocketResponse, open_port: OpenPort, ports: Sequence[int]) -> None:
    """Forward the ports that the query names, each once, for a client that speaks channels."""
    inboxes = [Inbox() for _ in ports]
    async with asyncio.TaskGroup() as group:
        forwards = [
            group.create_task(_carry_channel(socket, open_port(port), inbox, 2 * number, port))
            for number, (port, inbox) in enumerate(zip(ports, inboxes, strict=True))
        ]
        reading = group.create_task(_read_channels(socket, inboxes))
        await asyncio.wait((reading, *forwards), return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            await asyncio.wait(forwards)
        for task in (reading, *forwards):
            task.cancel()


async def _read_channels(socket: web.WebSocketResponse, inboxes: Sequence[Inbox]) -> None:
    async for message in _messages(socket):
        if len(message) > 1 and message[0] % 2 == 0 and message[0] // 2 < len(inboxes):
            await inboxes[message[0] // 2].put(message[1:])


async def _carry_channel(
    socket: web.WebSocketResponse,
    connection: AbstractAsyncContextManager[tuple[Any, Any]],
    inbox: Inbox,
    channel: int,
    port: int,
) -> None:
    async def send(content: bytes) -> None:
        await socket.send_bytes(bytes((channel,)) + content)

    with contextlib.suppress(ConnectionError):
        for one in (channel, channel + 1):
            await socket.send_bytes(bytes((one,)) + struct.pack("<H", port))
        wrong = await carry(connection, inbox, send)
        if wrong:
            told = f"error forwarding port {port}: {wrong}"
            await socket.send_bytes(bytes((channel + 1,)) + told.encode())
