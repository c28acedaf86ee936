"""The builder's server: who asks is known by certificate, and may ask for what is of their namespace alone.

``POST /v1/builds``: a line of JSON and a tar, answered with lines of JSON (*requests*).
``GET /v1/image?name=``: what an image says, or 404.
``POST /v1/copy``: ``{"image", "path", "auth"}``, answered with a tar.
A refusal is ``{"message", "step", "hint"}`` with a status of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from aiohttp import web

from alcove import aio
from alcove.builds import requests, spiffe
from alcove.builds.drivers import Driver, NoImageError
from alcove.builds.requests import BuildEvent, BuildRequest, Failed, Line, RequestError
from alcove.builds.spiffe import Peer
from alcove.errors import AlcoveError

AT_ONCE = 2
"""Builds that run at the same time; the others wait."""
_ALIVE_SECONDS = 15.0
_MOST_PENDING = 1_000
_PIECE = 1 << 18
_LONGEST_SHUTDOWN = 2.0

_log = logging.getLogger(__name__)

_Answer = Callable[[web.Request, Peer], Awaitable[web.StreamResponse]]


class _Copy(msgspec.Struct):
    image: str
    path: str
    auth: str = ""


class BuilderServer:
    """One builder's routes."""

    def __init__(
        self, driver: Driver, *, at_once: int = AT_ONCE, alive_seconds: float = _ALIVE_SECONDS
    ) -> None:
        """Hand what is asked for to ``driver``; say after ``alive_seconds`` of silence that it goes on."""
        self._driver = driver
        self._slots = asyncio.Semaphore(at_once)
        self._alive_seconds = alive_seconds

    @contextlib.asynccontextmanager
    async def serve(self, listener: socket.socket, context: ssl.SSLContext) -> AsyncIterator[None]:
        """Answer on a bound socket for as long as the block runs; builds under way end with it."""
        application = web.Application(client_max_size=requests.LONGEST_REQUEST)
        application.router.add_post(requests.BUILD_PATH, _known(self._build))
        application.router.add_get(requests.IMAGE_PATH, _known(self._find))
        application.router.add_post(requests.COPY_PATH, _known(self._copy))
        runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=_LONGEST_SHUTDOWN,
            handler_cancellation=True,
            read_bufsize=requests.LONGEST_REQUEST,
        )
        await runner.setup()
        try:
            await web.SockSite(runner, listener, ssl_context=context).start()
            yield
        finally:
            await runner.cleanup()

    async def _build(self, question: web.Request, peer: Peer) -> web.StreamResponse:
        try:
            line = await question.content.readline()
        except ValueError as error:
            raise RequestError("the question is too long") from error
        request = requests.decode_request(line)
        tag = requests.check_request(request, peer.namespace)
        _log.info("pod %s/%s asks for build %s of %s", peer.namespace, peer.pod, tag.build, tag.session)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(question)
        events: asyncio.Queue[BuildEvent] = asyncio.Queue(_MOST_PENDING)
        with contextlib.suppress(ConnectionError):  # the hub has gone, and with it the build
            async with aio.open_background(name="build") as background:
                background.start(self._work(request, question, events, peer), name=str(tag))
                last = await self._tell(response, events)
            outcome = f"failed: {last.message}" if isinstance(last, Failed) else "is there"
            _log.info("build %s of %s %s", tag.build, tag.session, outcome)
            await response.write_eof()
        return response

    async def _tell(self, response: web.StreamResponse, events: asyncio.Queue[BuildEvent]) -> BuildEvent:
        """Send events, and signs of life, until the last event; give that."""
        while True:
            try:
                async with asyncio.timeout(self._alive_seconds):
                    event = await events.get()
            except TimeoutError:
                await response.write(requests.ALIVE)
                continue
            await response.write(requests.encode_event(event))
            if not isinstance(event, Line):
                return event

    async def _work(
        self, request: BuildRequest, question: web.Request, events: asyncio.Queue[BuildEvent], peer: Peer
    ) -> None:
        """Build, and put what happens into ``events``; the last one is always Built or Failed."""
        last: BuildEvent | None = None
        try:
            if self._slots.locked():
                await events.put(Line("Waiting for other builds on this node"))
            async with self._slots:
                pieces = question.content.iter_chunked(_PIECE)
                space = requests.space_key(peer.namespace)
                building = self._driver.build(request, pieces, space=space)
                async with contextlib.aclosing(building) as happening:
                    async for last in happening:
                        await events.put(last)
        except AlcoveError as error:
            last = Failed(str(error), hint=error.hint)
            await events.put(last)
        except Exception as error:  # the hub is to hear of it, whatever it is
            _log.exception("a build failed")
            last = Failed(
                f"the builder failed: {type(error).__name__}", hint="see the log of the builder's pod"
            )
            await events.put(last)
        if last is None or isinstance(last, Line):
            await events.put(Failed("the build ended without a result"))

    async def _find(self, question: web.Request, peer: Peer) -> web.StreamResponse:
        image = question.query.get("name", "")
        requests.check_image(image, peer.namespace)
        found = await self._driver.find(image)
        if found is None:
            raise NoImageError(f"the node has no image {image}")
        return web.Response(body=msgspec.json.encode(found), content_type="application/json")

    async def _copy(self, question: web.Request, peer: Peer) -> web.StreamResponse:
        try:
            wanted = msgspec.json.decode(await question.read(), type=_Copy)
        except ValueError as error:
            raise RequestError("this is no question to a builder", cause=str(error)) from error
        requests.check_name(wanted.image)
        if requests.is_foreign(wanted.image, peer.namespace):
            raise RequestError(f"{wanted.image} belongs to another space")
        if not requests.is_plain_path(wanted.path):
            raise RequestError(f"{wanted.path!r} is no absolute path")
        space = requests.space_key(peer.namespace)
        copying = self._driver.copy_out(wanted.image, wanted.path, auth=wanted.auth, space=space)
        async with contextlib.aclosing(copying) as pieces:
            first = await anext(pieces, b"")
            response = web.StreamResponse(headers={"Content-Type": "application/x-tar"})
            await response.prepare(question)
            await response.write(first)
            async for piece in pieces:
                await response.write(piece)
            await response.write_eof()
            return response


def _known(answer: _Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Answer hubs only, and say what they are to blame for."""

    async def known(question: web.Request) -> web.StreamResponse:
        transport = question.transport
        peer = spiffe.resolve_peer(transport.get_extra_info("peercert") if transport else None)
        if peer is None or not peer.is_hub:
            return _refusal(403, Failed("builders answer hubs only"))
        try:
            return await answer(question, peer)
        except NoImageError as error:
            return _refusal(404, Failed(str(error), hint=error.hint))
        except RequestError as error:
            return _refusal(400, Failed(str(error), hint=error.hint))
        except AlcoveError as error:
            return _refusal(502, Failed(str(error), hint=error.hint))

    return known


def _refusal(status: int, failed: Failed) -> web.Response:
    body = msgspec.json.encode(failed)
    return web.Response(status=status, body=body, content_type="application/json")
