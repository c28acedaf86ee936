"""The daemon's own door: a Unix socket in the data directory, for what the Kubernetes API has no words for.

Who may open the socket owns the cluster: the directory is the user's alone. Requests and answers are HTTP
with JSON: one line per thing to say, as it happens, and a last line with ``result`` or ``error``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from alcove import aio, errors

Say = Callable[[str], None]
Command = Callable[[Mapping[str, Any], Say], Awaitable[dict[str, Any]]]
"""Runs one command with its parameters; gives its result."""


@contextlib.asynccontextmanager
async def serve_control(path: Path, commands: Mapping[str, Command]) -> AsyncIterator[None]:
    """Listen at ``path`` while the block runs."""
    application = web.Application()
    for name, command in commands.items():
        application.router.add_post(f"/{name}", _route(command))
    async with listen_at(path, web.AppRunner(application, access_log=None, shutdown_timeout=1)):
        yield


@contextlib.asynccontextmanager
async def listen_at(path: Path, runner: web.AppRunner) -> AsyncIterator[None]:
    """Let ``runner`` answer at a Unix socket that is its owner's alone while the block runs."""
    path.unlink(missing_ok=True)
    await runner.setup()
    with _short_path(path) as short:
        await web.UnixSite(runner, short).start()
    path.chmod(0o600)
    try:
        yield
    finally:
        await runner.cleanup()
        path.unlink(missing_ok=True)


def _route(command: Command) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        parameters = await request.json()
        response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
        await response.prepare(request)
        lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()  # bounded by one command's output

        async def work() -> None:
            lines.put_nowait(await _run(command, parameters, lambda text: lines.put_nowait({"say": text})))
            lines.put_nowait(None)

        async with aio.open_background(name="control") as background:
            background.start(work(), name="command")
            while (line := await lines.get()) is not None:
                await response.write(json.dumps(line).encode() + b"\n")
        return response

    return answer


async def _run(command: Command, parameters: Mapping[str, Any], say: Say) -> dict[str, Any]:
    try:
        return {"result": await command(parameters, say)}
    except errors.AlcoveError as error:
        return {"error": {"message": error.message, "cause": error.cause, "hint": error.hint}}


async def call_control(path: Path, name: str, parameters: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """Run a command in the daemon that listens at ``path``; give its result.

    Raises:
        UnavailableError: no daemon listens there.
        AlcoveError: the command failed; message, cause and hint are the daemon's.
    """
    with _short_path(path) as short:
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.UnixConnector(short), timeout=aiohttp.ClientTimeout()
                ) as http,
                http.post(f"http://daemon/{name}", json=dict(parameters)) as response,
            ):
                response.raise_for_status()
                return await _read_answer(response, say)
        except (aiohttp.ClientError, OSError) as error:
            raise errors.UnavailableError(
                "the embedded cluster does not answer",
                cause=str(error),
                hint="start it: alcove cluster start",
            ) from error


async def _read_answer(response: aiohttp.ClientResponse, say: Say) -> dict[str, Any]:
    async for raw in response.content:
        line = json.loads(raw)
        if "say" in line:
            say(line["say"])
        elif "error" in line:
            raise errors.AlcoveError(**line["error"])
        else:
            return dict(line["result"])
    raise errors.UnavailableError(
        "the embedded cluster ended while it worked", hint="see: alcove cluster logs"
    )


@contextlib.contextmanager
def _short_path(path: Path) -> Iterator[str]:
    """Give a name of the socket that fits: the kernel takes 107 bytes, data directories may be longer."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
