"""The driver for a runtime that builds images by itself: asked over HTTP on its Unix socket.

``alcove://`` is such a runtime (see ``alcove.app.embedded.imageserver``).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from alcove.builds.drivers import NoImageError
from alcove.builds.requests import (
    LONGEST_EVENT,
    BuildEvent,
    BuildRequest,
    Built,
    Failed,
    ImageConfig,
    Line,
)
from alcove.errors import AlcoveError, UnavailableError

_BASE = "http://images"
_PIECE = 1 << 18


class _Answer(msgspec.Struct):
    line: str | None = None
    image: ImageConfig | None = None
    error: str | None = None
    hint: str = ""


class DelegatingDriver:
    """The runtime behind a socket."""

    def __init__(self, socket: Path) -> None:
        """Ask at ``socket``."""
        self._socket = socket

    async def build(
        self, request: BuildRequest, context: AsyncIterator[bytes], *, space: str
    ) -> AsyncGenerator[BuildEvent, None]:
        """Pass the build on, and what is said of it."""
        query = [("name", request.image), ("dockerfile", request.dockerfile), ("target", request.target)]
        query += [("arg", f"{name}={value}") for name, value in request.args.items()]
        try:
            async with self._ask("POST", "/build", params=query, data=context) as response:
                while line := await response.content.readline():
                    event = _event(line)
                    yield event
                    if not isinstance(event, Line):
                        return
        except AlcoveError as error:
            yield Failed(error.message, hint=error.hint)
            return
        yield Failed("the node's runtime ended in the middle of the build")

    async def find(self, image: str) -> ImageConfig | None:
        """Ask the runtime."""
        with contextlib.suppress(NoImageError):
            async with self._ask("GET", "/image", params={"name": image}) as response:
                return msgspec.json.decode(await response.read(), type=ImageConfig)
        return None

    async def copy_out(self, image: str, path: str, *, auth: str, space: str) -> AsyncGenerator[bytes, None]:
        """Ask the runtime; what may be pulled, and who shares what, is its own business."""
        async with self._ask("POST", "/copy", params={"image": image, "path": path}) as response:
            async for piece in response.content.iter_chunked(_PIECE):
                yield piece

    @contextlib.asynccontextmanager
    async def _ask(self, method: str, path: str, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(self._socket)),
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=LONGEST_EVENT,
        )
        try:
            async with session, session.request(method, _BASE + path, **more) as response:
                if response.status != 200:
                    raise await _refusal(response)
                yield response
        except aiohttp.ClientError as error:
            raise UnavailableError("the node's runtime does not answer", cause=str(error)) from error


def _event(line: bytes) -> BuildEvent:
    try:
        said = msgspec.json.decode(line, type=_Answer)
    except ValueError:
        return Failed("the node's runtime says something else than is expected of it")
    if said.error is not None:
        return Failed(said.error, hint=said.hint)
    return Built(said.image) if said.image is not None else Line(said.line or "")


async def _refusal(response: aiohttp.ClientResponse) -> AlcoveError:
    body = await response.content.read(LONGEST_EVENT)
    try:
        said = msgspec.json.decode(body, type=_Answer)
    except ValueError:
        said = _Answer()
    message = said.error or f"the node's runtime answers {response.status}"
    return (
        NoImageError(message, hint=said.hint)
        if response.status == 404
        else AlcoveError(message, hint=said.hint)
    )
