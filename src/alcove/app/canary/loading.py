"""Load: several streams of requests at the same time, and who answered each of them when.

A stream is a request as *asking* has it, made again and again. The connections of ``http`` and ``grpc`` stay
until one fails; ``ws`` and ``tcp`` make one for each request, or with ``held`` send one message after the
other through the same. What is alike in a row is one run, so that a minute of load is a few lines::

    name    who answered, empty when nobody did        count    how many requests
    error   why nobody did                             slowest  the seconds that the slowest took
    began   when the first of them began               ended    when the last of them ended
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp
import grpc

from alcove.app.canary.serving import GRPC_METHOD

_FAILURES = (OSError, EOFError, aiohttp.ClientError, TypeError, ValueError, grpc.aio.AioRpcError)
"""What the other side of a connection, or its absence, raises here."""

_EVERY = 0.01
_LONGEST = 10.0
_TOLD = 200

Stream = Mapping[str, Any]
Say = Callable[[], Awaitable[str]]
"""Makes one request and gives who answered it."""
Talk = tuple[str, Callable[[str], Awaitable[str]]]
"""Who is at the other end, and what sends a message and gives its echo."""


@dataclass
class Run:
    """Requests in a row with the same outcome; times are those of ``time.time``."""

    name: str
    error: str
    began: float
    ended: float
    slowest: float
    count: int = 1


async def put_load(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Keep up all ``streams`` for ``seconds``; give the runs of each, in the same order."""
    ends = time.monotonic() + float(asked.get("seconds", _LONGEST))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_repeat(one, ends), name=str(one.get("do"))) for one in asked["streams"]]
    return {"runs": [[asdict(run) for run in task.result()] for task in tasks]}


async def _repeat(stream: Stream, ends: float) -> list[Run]:
    runs: list[Run] = []
    every = float(stream.get("every", _EVERY))
    while time.monotonic() < ends:
        began = time.time()
        try:
            async with _OPENERS[stream["do"]](stream) as say:
                while await _once(say, runs, every) and time.monotonic() < ends:
                    pass
        except _FAILURES as error:
            _add(runs, Run("", _tell(error), began, time.time(), 0.0))
            await asyncio.sleep(every)
    return runs


async def _once(say: Say, runs: list[Run], rest: float) -> bool:
    """Make one request and rest; False when its connection is of no use any more."""
    began, name, failure = time.time(), "", ""
    try:
        async with asyncio.timeout(_LONGEST):
            name = await say()
    except _FAILURES as error:
        failure = _tell(error)
    ended = time.time()
    _add(runs, Run(name, failure, began, ended, ended - began))
    await asyncio.sleep(rest)
    return not failure


def _add(runs: list[Run], run: Run) -> None:
    last = runs[-1] if runs else None
    if last is None or (last.name, last.error) != (run.name, run.error):
        runs.append(run)
        return
    last.ended, last.count, last.slowest = run.ended, last.count + 1, max(last.slowest, run.slowest)


def _tell(error: BaseException) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"[:_TOLD]
    return f"{type(error).__name__}: {error}"[:_TOLD]


@contextlib.asynccontextmanager
async def _open_http(stream: Stream) -> AsyncIterator[Say]:
    headers = [(str(name), str(value)) for name, value in stream.get("headers", ())]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:

        async def say() -> str:
            async with session.get(stream["url"], headers=headers) as response:
                text = await response.text(errors="replace")
                if not response.ok:
                    raise ValueError(f"{response.status} {text}")
                return str(json.loads(text)["name"])

        yield say


@contextlib.asynccontextmanager
async def _open_grpc(stream: Stream) -> AsyncIterator[Say]:
    metadata = [(str(name), str(value)) for name, value in stream.get("metadata", ())]
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(stream["target"], options=options) as channel:
        method = channel.unary_unary(GRPC_METHOD)

        async def say() -> str:
            return str(json.loads(await method(b"", metadata=metadata))["name"])

        yield say


@contextlib.asynccontextmanager
async def _talk_ws(stream: Stream) -> AsyncIterator[Talk]:
    headers = {str(name): str(value) for name, value in stream.get("headers", ())}
    async with contextlib.AsyncExitStack() as stack:
        async with asyncio.timeout(_LONGEST):
            session = await stack.enter_async_context(aiohttp.ClientSession())
            socket = await stack.enter_async_context(session.ws_connect(stream["url"], headers=headers))
            name = await socket.receive_str()

        async def exchange(text: str) -> str:
            await socket.send_str(text)
            return await socket.receive_str()

        yield name, exchange


@contextlib.asynccontextmanager
async def _talk_tcp(stream: Stream) -> AsyncIterator[Talk]:
    async with asyncio.timeout(_LONGEST):
        reader, writer = await asyncio.open_connection(stream["host"], int(stream["port"]))

    async def receive() -> str:
        line = await reader.readline()
        if not line:
            raise EOFError("the connection was closed")
        return line.decode().strip()

    async def exchange(text: str) -> str:
        writer.write(f"{text}\n".encode())
        return await receive()

    with contextlib.closing(writer):
        async with asyncio.timeout(_LONGEST):
            name = await receive()
        yield name, exchange


@contextlib.asynccontextmanager
async def _open_talk(
    stream: Stream, talk: Callable[[Stream], AbstractAsyncContextManager[Talk]]
) -> AsyncIterator[Say]:
    async def check(opened: Talk) -> str:
        name, exchange = opened
        echo = await exchange("well")
        if echo != "well":
            raise ValueError(f"{name} said {echo!r}")
        return name

    async def say_anew() -> str:
        async with talk(stream) as opened:
            return await check(opened)

    if not stream.get("held"):
        yield say_anew
        return
    async with talk(stream) as opened:
        yield lambda: check(opened)


_OPENERS: Mapping[str, Callable[[Stream], AbstractAsyncContextManager[Say]]] = {
    "http": _open_http,
    "grpc": _open_grpc,
    "ws": lambda stream: _open_talk(stream, _talk_ws),
    "tcp": lambda stream: _open_talk(stream, _talk_tcp),
}
