"""``pods/exec`` over WebSocket: each message is one byte that names a channel, and content.

Channel 0 is the command's input, 1 and 2 its outputs, 3 the ``Status`` that tells its end, 4 the terminal's
size; version 5 adds 255, by which the client closes a channel.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from alcove.aio import open_background
from alcove.embedded.faults import internal
from alcove.embedded.objects import Object
from alcove.embedded.ports import ExecSession, ExitStatus
from alcove.embedded.serving.responses import encode

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, OUTCOME, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255


async def serve_command(
    socket: web.WebSocketResponse, session: ExecSession, deadline: asyncio.Timeout
) -> None:
    """Carry a running command's streams until it ends; a client that leaves brings the deadline forward."""
    async with open_background(name="exec") as background:
        background.start(_carry_input(socket, session, deadline), name="input")
        async for channel, content in session.output():
            await socket.send_bytes(bytes((channel,)) + content)
        outcome = render_outcome(await session.wait())
        await socket.send_bytes(bytes((OUTCOME,)) + encode(outcome))


async def _carry_input(
    socket: web.WebSocketResponse, session: ExecSession, deadline: asyncio.Timeout
) -> None:
    async for message in socket:
        if message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
            content = message.data.encode() if isinstance(message.data, str) else message.data
            with contextlib.suppress(OSError):
                await _take(session, content)
    deadline.reschedule(asyncio.get_running_loop().time())


async def _take(session: ExecSession, message: bytes) -> None:
    if not message:
        return
    channel, content = message[0], message[1:]
    if channel == STDIN and content:
        await session.write_stdin(content)
    elif channel == CLOSE and content[:1] == bytes((STDIN,)):
        await session.close_stdin()
    elif channel == RESIZE:
        size = parse_size(content)
        if size is not None:
            session.resize(*size)


def parse_size(content: bytes) -> tuple[int, int] | None:
    """Give (columns, rows) of a resize message; None when it is not one."""
    try:
        size: Any = msgspec.json.decode(content)
        columns, rows = size["Width"], size["Height"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, LookupError):
        return None
    valid = all(type(one) is int and 0 < one < 1 << 16 for one in (columns, rows))
    return (columns, rows) if valid else None


def render_outcome(status: ExitStatus) -> Object:
    """Give the ``Status`` that tells a command's end."""
    if status.message:
        return internal(f"error executing command in container: {status.message}").status()
    if status.code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: {status.code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(status.code)}]},
    }
