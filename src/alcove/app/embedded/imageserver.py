"""The node's own door for images: a Unix socket that plays the part of a container runtime's.

Who may open the socket may build, read and replace every image of the node, as with ``containerd.sock``: it
is root's alone, and reaches pods only as a hostPath. Spoken is HTTP::

    POST /build?name=REF[&dockerfile=PATH][&target=STAGE][&arg=NAME=VALUE]...    body: a tar file, the context
    GET  /image?name=REF
    POST /copy?image=REF&path=PATH

``build`` answers with lines of JSON: ``{"line": text}`` as they are said, then ``{"image": ...}`` or
``{"error": text, "hint": text}``. It is given up when the client goes away. ``image`` gives the image's
configuration, ``copy`` a tar file of what is at a path of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import StreamReader, web

from alcove import aio, errors
from alcove.app.embedded.control import listen_at
from alcove.embedded.images import LocalImageStore
from alcove.embedded.images.threads import run_to_end
from alcove.embedded.ports import Image, ImageError

_PIECE = 4 << 20
_Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class ImageDoor:
    """What the requests work on."""

    store: LocalImageStore
    workplace: Path
    """Where contexts are unpacked; each goes with its build."""
    built: Callable[[], None]
    """Is told of each image that was built."""


@contextlib.asynccontextmanager
async def serve_images(path: Path, door: ImageDoor) -> AsyncIterator[None]:
    """Listen at ``path`` while the block runs; what a daemon that was killed left of builds is removed."""
    await run_to_end(partial(shutil.rmtree, door.workplace, ignore_errors=True))
    application = web.Application()
    application.router.add_post("/build", _answering(partial(_build, door)))
    application.router.add_get("/image", _answering(partial(_image, door)))
    application.router.add_post("/copy", _answering(partial(_copy, door)))
    runner = web.AppRunner(
        application, access_log=None, shutdown_timeout=1, handler_cancellation=True, read_bufsize=_PIECE
    )
    async with listen_at(path, runner):
        yield


def describe_image(image: Image) -> dict[str, Any]:
    """Give an image's configuration as it is told."""
    config = image.config
    return {
        "id": image.id,
        "entrypoint": list(config.entrypoint),
        "cmd": list(config.command),
        "workdir": config.directory,
        "user": config.user,
        "env": [f"{name}={value}" for name, value in config.environment.items()],
    }


def _answering(answer: _Answer) -> _Answer:
    """Give answers of their own to what the client or the image is to blame for."""

    async def answer_any(request: web.Request) -> web.StreamResponse:
        try:
            return await answer(request)
        except ImageError as error:
            status = 400 if error.reason == "InvalidImageName" else 404
            return web.json_response({"error": str(error), "hint": ""}, status=status)
        except errors.AlcoveError as error:
            status = 400 if isinstance(error, errors.UsageError) else 404
            return web.json_response(_failure(error), status=status)

    return answer_any


def _failure(error: errors.AlcoveError) -> dict[str, str]:
    return {"error": str(error), "hint": error.hint}


def _required(request: web.Request, name: str) -> str:
    value = request.query.get(name, "")
    if not value:
        raise errors.UsageError(f"the query needs {name}")
    return value


# ---------------------------------------------------------------------------------------------------- build


@dataclass(frozen=True, slots=True)
class _Wish:
    name: str
    dockerfile: str
    target: str
    arguments: Mapping[str, str]


def _wish(request: web.Request) -> _Wish:
    pairs = [text.partition("=")[::2] for text in request.query.getall("arg", [])]
    return _Wish(
        _required(request, "name"),
        request.query.get("dockerfile") or "Dockerfile",
        request.query.get("target", ""),
        dict(pairs),
    )


async def _build(door: ImageDoor, request: web.Request) -> web.StreamResponse:
    wish = _wish(request)
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    async with _workplace(door) as place:
        context = await _receive_context(door, request, place)
        await response.prepare(request)
        lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()  # bounded by one build's output
        loop = asyncio.get_running_loop()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(lines.put_nowait, {"line": text})

        async def work() -> None:
            try:
                image = await _run_build(door, wish, context, say)
                lines.put_nowait({"image": describe_image(image)})
            except errors.AlcoveError as error:
                lines.put_nowait(_failure(error))
            lines.put_nowait(None)

        async with aio.open_background(name="image build") as background:
            background.start(work(), name=wish.name)
            while (line := await lines.get()) is not None:
                await response.write(json.dumps(line).encode() + b"\n")
    return response


async def _run_build(door: ImageDoor, wish: _Wish, context: Path, say: Callable[[str], None]) -> Image:
    dockerfile = await run_to_end(partial(_inside, context, wish.dockerfile))
    image = await door.store.build(
        context,
        wish.name,
        dockerfile=dockerfile,
        build_args=wish.arguments,
        target=wish.target,
        output=say,
    )
    door.built()
    return image


def _inside(context: Path, dockerfile: str) -> str:
    """Give the Dockerfile's path, which is a file of the context and no link out of it."""
    root = context.resolve()
    found = (root / dockerfile).resolve()
    if not found.is_relative_to(root) or not found.is_file():
        raise errors.AlcoveError(f"the context has no file {dockerfile}")
    return str(found.relative_to(root))


async def _receive_context(door: ImageDoor, request: web.Request, place: Path) -> Path:
    """Unpack the body; AlcoveError when it is no sound tar file."""
    context = place / "context"
    with tempfile.TemporaryFile(dir=place) as received:
        async for pieces in _gathered(request.content):
            await run_to_end(partial(received.writelines, pieces))
        await run_to_end(partial(received.seek, 0))
        try:
            await run_to_end(partial(door.store.unpack_context, received, context))
        except errors.AlcoveError as error:
            raise errors.UsageError(error.message, cause=error.cause, hint=error.hint) from error
    return context


async def _gathered(content: StreamReader) -> AsyncIterator[list[bytes]]:
    """Yield what comes in pieces that are worth a thread's work."""
    pieces: list[bytes] = []
    while piece := await content.read(_PIECE):
        pieces.append(piece)
        if sum(map(len, pieces)) >= _PIECE:
            yield pieces
            pieces = []
    yield pieces


@contextlib.asynccontextmanager
async def _workplace(door: ImageDoor) -> AsyncIterator[Path]:
    """Yield a directory that is removed after the block."""
    door.workplace.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=door.workplace))
    try:
        yield place
    finally:
        await run_to_end(partial(shutil.rmtree, place, ignore_errors=True))


# ------------------------------------------------------------------------------------------ image and copy


async def _image(door: ImageDoor, request: web.Request) -> web.StreamResponse:
    image = await door.store.resolve(_required(request, "name"), "Never")
    return web.json_response(describe_image(image))


async def _copy(door: ImageDoor, request: web.Request) -> web.StreamResponse:
    path = _required(request, "path")
    image = await door.store.resolve(_required(request, "image"), "IfNotPresent")
    response = web.StreamResponse(headers={"Content-Type": "application/x-tar"})
    async with _workplace(door) as place:
        with tempfile.TemporaryFile(dir=place) as packed:
            await run_to_end(partial(door.store.export, image, path, packed))
            response.content_length = packed.tell()
            packed.seek(0)
            await response.prepare(request)
            while piece := await run_to_end(partial(packed.read, _PIECE)):
                await response.write(piece)
    return response
