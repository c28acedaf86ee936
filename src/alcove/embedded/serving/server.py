"""The server: sockets, connections, and the one way of every request from its line to its answer.

There are no routes and no middleware. A request line is parsed by the API's grammar, whoever asks is known
before anything else is looked at, and a failure of any kind leaves as a ``Status``: an ``ApiError`` as what
it says, anything unforeseen as 500 with a traceback in the log, and the server goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from socket import socket

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

from alcove.embedded import faults
from alcove.embedded.objects import Object
from alcove.embedded.ports import Authenticator, Authorizer, Catalog, PodAccess, Registry, TokenIssuer
from alcove.embedded.serving import bodies
from alcove.embedded.serving.access import Access
from alcove.embedded.serving.documents import Discovery, Documents
from alcove.embedded.serving.options import selected_name, truth
from alcove.embedded.serving.paths import parse_request
from alcove.embedded.serving.resources import Asked, Resources, Reviews
from alcove.embedded.serving.responses import give_failure, make_pretty
from alcove.embedded.serving.streams import OpenStreams
from alcove.embedded.serving.subresources import Subresources

_log = logging.getLogger(__name__)
_SILENT = logging.Logger("access", logging.CRITICAL)
_SELECTING = frozenset({"list", "watch", "deletecollection"})
_LONGEST_LINE = 32 << 10
_LONGEST_SHUTDOWN = 1.5
"""Seconds that answers under way get when the server ends."""


@dataclass(frozen=True, slots=True)
class Backends:
    """Everything that answers what the server only carries."""

    registry: Registry
    catalog: Catalog
    authenticator: Authenticator
    authorizer: Authorizer
    tokens: TokenIssuer
    pods: PodAccess
    discovery: Discovery
    reviews: Reviews
    issuer_documents: Callable[[], tuple[Object, Object]]
    """The OpenID configuration and the key set."""


class ApiServer:
    """The Kubernetes API on sockets."""

    def __init__(
        self,
        backends: Backends,
        *,
        waiting_for: Callable[[], Sequence[str]] = tuple,
        body_limit: int = bodies.BODY_LIMIT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Serve ``backends``; ``/readyz`` fails while ``waiting_for`` names something.

        ``body_limit`` is in bytes; ``clock`` gives Unix seconds, for ages in tables.
        """
        self._streams = OpenStreams()
        self._access = Access(backends.authenticator, backends.authorizer)
        self._documents = Documents(
            backends.discovery, waiting_for=waiting_for, issuer=backends.issuer_documents
        )
        self._resources = Resources(
            backends.registry, backends.catalog, backends.reviews, self._streams, clock=clock
        )
        self._subresources = Subresources(backends.pods, backends.tokens, self._streams)
        self._body_limit = body_limit

    @contextlib.asynccontextmanager
    async def serve(
        self, sockets: Sequence[socket], ssl_context: ssl.SSLContext | None = None
    ) -> AsyncIterator[None]:
        """Listen on bound sockets for as long as the block runs; once in the life of an ``ApiServer``.

        Leaving it closes the sockets, ends every stream and gives answers under way a moment.
        """
        server = _Server(self._serve, self._body_limit)
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._end, server)
            for one in sockets:
                listener = await loop.create_server(server, sock=one, ssl=ssl_context, backlog=1024)
                stack.callback(listener.close)
            yield

    async def _end(self, server: web.Server) -> None:
        self._streams.end()
        server.pre_shutdown()
        await server.shutdown(_LONGEST_SHUTDOWN)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            response = await self._answer(request)
            if request.query_string and truth(request.query, "pretty"):
                make_pretty(response)
        except faults.ApiError as error:
            failure = error
        except ConnectionError:
            raise
        except Exception:
            _log.exception("Cannot answer %s %s", request.method, request.path)
            failure = faults.internal("see the log of the API server")
        else:
            return response
        return _fail(request, failure)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        method = request.method
        watch = method == "GET" and truth(request.query, "watch")
        info = parse_request(method, request.path, watch=watch)
        user = self._access.identify(request)
        selected = selected_name(request.query) if info.verb in _SELECTING else ""
        self._access.check(user, info, selected=selected)
        if not info.resource:
            return self._documents.answer(request)
        return await self._answer_resource(Asked(request, info, self._resources.find(info), user))

    async def _answer_resource(self, asked: Asked) -> web.StreamResponse:
        special = self._subresources.find(asked.info) if asked.info.subresource else None
        if special is not None:
            return await special(asked)
        return await self._resources.answer(asked)


def _fail(request: web.BaseRequest, failure: faults.ApiError) -> web.Response:
    """Answer with a failure; one that comes after an answer has begun can only cut the connection."""
    if request.writer.output_size > 0:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError(failure.message)
    return give_failure(failure)


class _Server(web.Server):
    """aiohttp's server with our body limit and failures."""

    def __init__(
        self, answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], body_limit: int
    ) -> None:
        super().__init__(answer, request_factory=self._read_request, handler_cancellation=True)
        self._body_limit = body_limit

    def __call__(self) -> web.RequestHandler:
        return _Connection(
            self,
            loop=self._loop,
            access_log=_SILENT,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            auto_decompress=False,
        )

    def _read_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        return web.BaseRequest(
            message, payload, protocol, writer, task, self._loop, client_max_size=self._body_limit
        )


class _Connection(web.RequestHandler):
    """One connection, whose malformed requests are answered as all others."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not even HTTP (400) or has broken in aiohttp itself."""
        if isinstance(exc, ConnectionError):
            raise exc
        if status >= 500:
            _log.error("Cannot answer %s", request.path, exc_info=exc)
            failure = faults.internal("see the log of the API server")
        else:
            failure = faults.bad_request(f"malformed HTTP request: {' '.join((message or '').split())[:200]}")
        response = _fail(request, failure)
        response.force_close()
        return response
