"""Servers that tell their callers who answered and what was received."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
from aiohttp import WSMsgType, web

GRPC_METHOD = "/alcove.Canary/Say"
_LONG = 1 << 20
"""Bytes of a request's line and of a header: proxies must pass what applications accept."""
_SERVICE, _, _SAY = GRPC_METHOD[1:].partition("/")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each protocol is served."""

    http: int = 8080
    grpc: int = 8081
    tcp: int = 9000


@contextlib.asynccontextmanager
async def open_canary(name: str, ports: Ports, *, host: str = "") -> AsyncIterator[None]:
    """Serve all protocols under ``name`` for as long as the block runs."""
    async with contextlib.AsyncExitStack() as stack:
        application = web.Application(client_max_size=64 << 20)
        application.router.add_get("/ws", _Canary(name).talk)
        application.router.add_route("*", "/{path:.*}", _Canary(name).answer)
        runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=1, max_line_size=_LONG, max_field_size=_LONG
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host or None, ports.http).start()
        tcp = await asyncio.start_server(_Canary(name).greet, host or None, ports.tcp)
        stack.push_async_callback(_close, tcp)
        server = grpc.aio.server()
        say = grpc.unary_unary_rpc_method_handler(_Canary(name).say)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_SAY: say}),))
        server.add_insecure_port(f"{host or '[::]'}:{ports.grpc}")
        await server.start()
        stack.push_async_callback(server.stop, 1.0)
        yield


class _Canary:
    def __init__(self, name: str) -> None:
        self._name = name

    async def answer(self, request: web.Request) -> web.Response:
        """Answer any request: who, and what was received."""
        body = await request.read()
        told = {
            "name": self._name,
            "method": request.method,
            "path": request.raw_path,
            "headers": [[key, value] for key, value in request.headers.items()],
            "received": len(body),
        }
        return web.json_response(told, headers={"X-Canary": self._name})

    async def talk(self, request: web.Request) -> web.WebSocketResponse:
        """Say who answers, then return every message."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(self._name)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
        return socket

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say who answers before the caller has said anything, then return every line."""
        with contextlib.suppress(ConnectionError, asyncio.LimitOverrunError, ValueError):
            writer.write(f"{self._name}\n".encode())
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        writer.close()

    async def say(self, _request: bytes, context: Any) -> bytes:
        """Answer the one method: who, and the metadata that was received."""
        headers = [[key, str(value)] for key, value in context.invocation_metadata()]
        return json.dumps({"name": self._name, "headers": headers}).encode()


async def _close(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()
