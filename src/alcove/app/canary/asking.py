"""Requests as an application makes them, each described by one JSON object.

======= ================================================================ ==================================
 do      fields                                                           result
======= ================================================================ ==================================
 http    url, headers [[name, value]], method, body, keep                 status, headers, body, text
 grpc    target ``host:port``, metadata, authority                        name, headers, answered
 tcp     host, port, say, keep                                            first, second
 ws      url, headers, say                                                first, second
 load    seconds, streams [such requests], see *loading*                  runs
======= ================================================================ ==================================

``keep`` names a connection that is used again by the next request of that name. What goes wrong is a result
with ``error``. Every result says when it was there, ``at`` by ``time.time``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import grpc

from alcove.app.canary.loading import put_load
from alcove.app.canary.serving import GRPC_METHOD

_SECONDS = 10.0
_FAILURES = (OSError, EOFError, TimeoutError, aiohttp.ClientError, ValueError)


class Asker:
    """Makes requests; connections that were named stay open until the block ends."""

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        """Close what is kept with ``stack``."""
        self._stack = stack
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._streams: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        stack.callback(self._close_streams)

    def _close_streams(self) -> None:
        for _, writer in self._streams.values():
            writer.close()

    async def ask(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Make one request; never raises for what the other side does."""
        result = await self._ask(asked)
        return {**result, "at": time.time()}

    async def _ask(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if asked.get("do") == "load":
            return await put_load(asked)
        kinds = {"http": self._http, "grpc": self._grpc, "tcp": self._tcp, "ws": self._ws}
        kind = kinds.get(str(asked.get("do")))
        if kind is None:
            return {"error": f"do is one of {', '.join(kinds)}, load"}
        try:
            async with asyncio.timeout(float(asked.get("seconds", _SECONDS))):
                return await kind(asked)
        except grpc.aio.AioRpcError as error:
            return {"error": f"{error.code().name}: {error.details()}"}
        except _FAILURES as error:
            return {"error": f"{type(error).__name__}: {error}"}

    async def _http(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        session = await self._session(str(asked.get("keep", "")))
        headers = [(str(name), str(value)) for name, value in asked.get("headers", ())]
        async with session.request(
            asked.get("method", "GET"),
            asked["url"],
            headers=headers,
            data=str(asked["body"]) if "body" in asked else None,
            allow_redirects=False,
            ssl=False,
        ) as response:
            text = await response.text(errors="replace")
            found = [[name, value] for name, value in response.headers.items()]
            return {"status": response.status, "headers": found, "body": _parsed(text), "text": text[:4000]}

    async def _grpc(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        authority = asked.get("authority")
        options = [("grpc.default_authority", authority)] if authority else []
        options.append(("grpc.use_local_subchannel_pool", 1))
        metadata = [(str(name), str(value)) for name, value in asked.get("metadata", ())]
        async with grpc.aio.insecure_channel(asked["target"], options=options) as channel:
            call = channel.unary_unary(GRPC_METHOD)(b"", metadata=metadata)
            answer = _parsed((await call).decode())
            answered = [[name, str(value)] for name, value in await call.initial_metadata()]
            return {**answer, "answered": answered}

    async def _tcp(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        keep = str(asked.get("keep", ""))
        known = self._streams.get(keep)
        reader, writer = known or await asyncio.open_connection(asked["host"], int(asked["port"]))
        first = "" if known else (await reader.readline()).decode().strip()
        second = ""
        if "say" in asked:
            writer.write(f"{asked['say']}\n".encode())
            second = (await reader.readline()).decode().strip()
        if keep:
            self._streams[keep] = reader, writer
        else:
            writer.close()
        return {"first": first, "second": second}

    async def _ws(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        session = await self._session("")
        headers = {str(name): str(value) for name, value in asked.get("headers", ())}
        async with session.ws_connect(asked["url"], headers=headers) as socket:
            first = await socket.receive_str()
            await socket.send_str(str(asked.get("say", "")))
            return {"first": first, "second": await socket.receive_str()}

    async def _session(self, keep: str) -> aiohttp.ClientSession:
        """Give the session of a name; without one, a session whose connections are never used again."""
        if keep not in self._sessions:
            connector = aiohttp.TCPConnector(force_close=not keep, limit=1 if keep else 0)
            session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
            self._sessions[keep] = await self._stack.enter_async_context(session)
        return self._sessions[keep]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
