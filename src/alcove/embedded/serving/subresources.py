"""The subresources that are not the registry's: logs, commands, ports, tokens."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec
from aiohttp import web

from alcove.embedded import faults
from alcove.embedded.identity import reviews
from alcove.embedded.ports import PodAccess, TokenIssuer
from alcove.embedded.serving import commands, options, portforward
from alcove.embedded.serving.paths import RequestInfo
from alcove.embedded.serving.resources import Asked
from alcove.embedded.serving.responses import give_object
from alcove.embedded.serving.streams import OpenStreams, closing

_Answer = Callable[[Asked], Awaitable[web.StreamResponse]]
_MISSING = frozenset(
    {
        ("nodes", "proxy"),
        ("pods", "attach"),
        ("pods", "proxy"),
        ("services", "proxy"),
    }
)
_HEARTBEAT = 30.0
"""Seconds between pings, which find out clients that vanished."""
_FAREWELL = 1.0
"""Seconds that a client gets to answer the end of its WebSocket."""
_PATIENCE = 0.2
"""Seconds that a log's first bytes get before the answer begins without them."""


class _TokenSpec(msgspec.Struct):
    audiences: list[str] | None = None
    expirationSeconds: int | None = None  # noqa: N815  # as it is on the wire
    boundObjectRef: dict[str, str] | None = None  # noqa: N815


class _TokenRequest(msgspec.Struct):
    spec: _TokenSpec | None = None


class Subresources:
    """Answers on ``pods/log``, ``pods/exec``, ``pods/portforward`` and ``serviceaccounts/token``."""

    def __init__(self, pods: PodAccess, tokens: TokenIssuer, streams: OpenStreams) -> None:
        """Reach pods through ``pods``; ``streams`` ends what is open with the server."""
        self._pods = pods
        self._tokens = tokens
        self._streams = streams
        self._answers: dict[tuple[str, str], tuple[tuple[str, ...], _Answer]] = {
            ("pods", "log"): (("get",), self._log),
            ("pods", "exec"): (("get", "create"), self._exec),
            ("pods", "portforward"): (("get", "create"), self._forward),
            ("serviceaccounts", "token"): (("create",), self._token),
        }

    def find(self, info: RequestInfo) -> _Answer | None:
        """Give what answers the subresource, None when it is not one of these.

        Raises:
            ApiError: 405 for a verb that it does not know, 501 for what is not here.
        """
        if info.group:
            return None
        about = f"{info.resource}/{info.subresource}"
        if (info.resource, info.subresource) in _MISSING:
            raise faults.not_implemented(about)
        verbs, answer = self._answers.get((info.resource, info.subresource), ((), None))
        if answer is not None and info.verb not in verbs:
            raise faults.method_not_allowed()
        return None if info.rest else answer

    async def _log(self, asked: Asked) -> web.StreamResponse:
        query = options.parse_log(asked.request.query)
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        async with (
            closing(self._pods.read_log(asked.namespace, asked.info.name, query)) as content,
            self._streams.open(),
        ):
            first = await _read_first(content, functools.partial(response.prepare, asked.request))
            if not response.prepared:
                if isinstance(first, faults.ApiError):
                    raise first
                await response.prepare(asked.request)
            await response.write(first if isinstance(first, bytes) else first.message.encode())
            async for piece in content:
                await response.write(piece)
        if not response.prepared:
            await response.prepare(asked.request)
        await response.write_eof()
        return response

    async def _exec(self, asked: Asked) -> web.StreamResponse:
        request = options.parse_exec(asked.request.query, asked.namespace, asked.info.name)
        socket = _upgrade(asked, commands.PROTOCOLS)
        async with self._pods.open_exec(request) as session:
            await socket.prepare(asked.request)
            async with self._streams.open() as deadline:
                try:
                    await commands.serve_command(socket, session, deadline)
                except* ConnectionError:
                    pass
            await socket.close()
        return socket

    async def _forward(self, asked: Asked) -> web.StreamResponse:
        socket = _upgrade(asked, (portforward.TUNNEL, *portforward.CHANNELS))
        open_port = functools.partial(self._pods.open_port, asked.namespace, asked.info.name)
        tunnels = portforward.TUNNEL in asked.request.headers.get("Sec-WebSocket-Protocol", "")
        ports = [] if tunnels else options.parse_ports(asked.request.query)
        await socket.prepare(asked.request)
        async with self._streams.open():
            try:
                if tunnels:
                    await portforward.serve_tunnel(socket, open_port)
                else:
                    await portforward.serve_channels(socket, open_port, ports)
            except* ConnectionError:
                pass
        await socket.close()
        return socket

    async def _token(self, asked: Asked) -> web.StreamResponse:
        body = await asked.read_object()
        try:
            msgspec.convert(body, _TokenRequest)
        except msgspec.ValidationError as error:
            raise faults.bad_request(f"TokenRequest: {error}") from None
        answer = reviews.token_request(self._tokens, asked.namespace, asked.info.name, body)
        return give_object(answer, status=201)


async def _read_first(
    content: AsyncIterator[bytes], give_head: Callable[[], Awaitable[object]]
) -> bytes | faults.ApiError:
    """Give the first piece of a log or why there is none; the answer begins when that takes long."""

    async def read() -> bytes | faults.ApiError:
        try:
            return await anext(content, b"")
        except faults.ApiError as error:
            return error

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(read())
        await asyncio.wait((reading,), timeout=_PATIENCE)
        if not reading.done():
            with contextlib.suppress(ConnectionError):
                await give_head()
    return reading.result()


def _upgrade(asked: Asked, protocols: Sequence[str]) -> web.WebSocketResponse:
    """Make the WebSocket of a request that asks for one in words we know.

    Raises:
        ApiError: 400.
    """
    headers = asked.request.headers
    if "spdy/" in headers.get("Upgrade", "").lower():
        raise faults.bad_request("SPDY upgrades are not supported, only WebSockets (kubectl 1.31 and newer)")
    if headers.get("Upgrade", "").lower() != "websocket":
        raise faults.bad_request("Upgrade request required")
    offered = [one.strip() for one in headers.get("Sec-WebSocket-Protocol", "").split(",") if one.strip()]
    if offered and not set(offered) & set(protocols):
        raise faults.bad_request(f"no protocol of {offered} is known, only {', '.join(protocols)}")
    socket = web.WebSocketResponse(
        protocols=protocols, heartbeat=_HEARTBEAT, timeout=_FAREWELL, compress=False
    )
    if not socket.can_prepare(asked.request):
        raise faults.bad_request("malformed WebSocket handshake")
    return socket
