"""Commands in containers and connections to their ports, as messages of a WebSocket.

Every message begins with the number of its channel. A command has stdin, stdout, stderr, its status and the
terminal's size on channels of their own; with v5, a message on channel 255 closes another. A connection to a
port has one channel for bytes and one for an error, and each begins with the port's number.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Protocol

import aiohttp

from alcove.kube.client import Object
from alcove.kube.errors import KubeError, UnreachableError, from_status, translated

EXEC_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
PORT_PROTOCOLS = ("v4.channel.k8s.io",)

STDIN, STDOUT, STDERR, STATUS, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_PORT_BYTES, _PORT_ERROR = 0, 1
_LONGEST_MESSAGE = 128 * 1024
"""Bytes sent in one message: servers bound what they take, and this is about the fastest size."""


class Socket(Protocol):
    """Of a WebSocket, what is used here (``aiohttp.ClientWebSocketResponse`` has it)."""

    @property
    def protocol(self) -> str | None:
        """The subprotocol that was agreed on."""

    async def receive(self) -> aiohttp.WSMessage:
        """Give the next message; of type CLOSE, CLOSED, CLOSING or ERROR at the end."""

    async def send_bytes(self, data: bytes) -> None:
        """Send one message; waits while the other side does not read."""


def exit_code(status: Object) -> int:
    """Give the exit code that a command's final Status tells.

    Raises:
        KubeError: the command could not be run.
    """
    if status.get("status") == "Success":
        return 0
    if status.get("reason") == "NonZeroExitCode":
        for cause in (status.get("details") or {}).get("causes") or ():
            if cause.get("reason") == "ExitCode":
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    return int(cause["message"])
    raise from_status(status.get("code") or 500, status)


class WebSocketExec:
    """A running command (``client.ExecStream``)."""

    def __init__(self, socket: Socket, server: str) -> None:
        """Speak over ``socket``; ``server`` is named in errors."""
        self._socket = socket
        self._server = server
        self._status: bytes | None = None

    async def write(self, content: bytes) -> None:
        """Pass input on; waits while the other side does not read."""
        await self._send(bytes([STDIN]) + content)

    async def close_stdin(self) -> None:
        """Tell the command that no more comes; a server that does not speak v5 cannot be told."""
        if self._socket.protocol == EXEC_PROTOCOLS[0]:
            await self._send(bytes([CLOSE, STDIN]))

    async def resize(self, columns: int, rows: int) -> None:
        """Set the terminal's size."""
        size = json.dumps({"Width": columns, "Height": rows}).encode()
        await self._send(bytes([RESIZE]) + size)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1 stdout or 2 stderr, content) until the command ends."""
        while (message := await _receive(self._socket, self._server)) is not None:
            channel, content = message[0], message[1:]
            if channel == STATUS:
                self._status = content
            elif channel in (STDOUT, STDERR) and content:
                yield channel, content

    async def wait(self) -> int:
        """Give the exit code."""
        if self._status is None:
            async for _ in self.output():
                pass
        if self._status is None:
            raise UnreachableError(f"the connection to {self._server} ended before the command did")
        return exit_code(_parse_status(self._status))

    async def _send(self, message: bytes) -> None:
        with translated(self._server):
            await self._socket.send_bytes(message)


class WebSocketPort:
    """A connection to a port of a pod (``client.PortStream``)."""

    def __init__(self, socket: Socket, server: str) -> None:
        """Speak over ``socket``; ``server`` is named in errors."""
        self._socket = socket
        self._server = server
        self._begun: set[int] = set()

    async def read(self) -> bytes:
        """Give the next bytes, none at the end.

        Raises:
            UnreachableError: nothing listens at the port, or the connection broke.
        """
        while (message := await _receive(self._socket, self._server)) is not None:
            channel, content = message[0], message[1:]
            if channel not in self._begun:
                self._begun.add(channel)
                content = content[2:]
            if not content:
                continue
            if channel == _PORT_ERROR:
                raise UnreachableError(content.decode(errors="replace"))
            if channel == _PORT_BYTES:
                return content
        return b""

    async def write(self, content: bytes) -> None:
        """Send; waits while the other side does not read."""
        with translated(self._server):
            for start in range(0, len(content), _LONGEST_MESSAGE):
                piece = content[start : start + _LONGEST_MESSAGE]
                await self._socket.send_bytes(bytes([_PORT_BYTES]) + piece)


async def _receive(socket: Socket, server: str) -> bytes | None:
    """Give the next message that is not empty, None at the end."""
    while True:
        with translated(server):
            message = await socket.receive()
        if message.type is aiohttp.WSMsgType.ERROR:
            raise UnreachableError(f"the connection to {server} broke: {message.data}")
        if message.type is aiohttp.WSMsgType.BINARY and message.data:
            return bytes(message.data)
        if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
            return None


def _parse_status(content: bytes) -> Object:
    try:
        status = json.loads(content)
    except (ValueError, RecursionError):
        status = None
    if not isinstance(status, dict):
        raise KubeError(f"the server ended the command with: {content[:256].decode(errors='replace')}")
    return status
