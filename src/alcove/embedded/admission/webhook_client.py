"""Calls webhooks over HTTPS: by URL, or by Service.

The daemon does not live in the cluster's network, so a connection to a Service is made through a socket that
does (``ServiceDialer``). Connections are kept open: one session for each trust and server.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from alcove.embedded.admission.chain import WebhookCallError
from alcove.embedded.objects import Object

_LARGEST_ANSWER = 3 * 1024 * 1024
_MOST_SESSIONS = 64


class ServiceDialer(Protocol):
    """Reaches the Services of the cluster from outside of its network."""

    def endpoint(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        """Give an address and port at which a Service answers.

        Raises:
            LookupError: there is no such Service, or it has no such port.
        """

    async def open_socket(self) -> socket.socket:
        """Give a non-blocking IPv4 stream socket inside the cluster's network, not connected."""


class _Target(NamedTuple):
    url: str
    authority: str
    """The PEM of who signs for the server; empty for those that the machine trusts."""
    service: tuple[str, str, int] | None


class HttpWebhookClient:
    """Posts reviews as JSON (``chain.WebhookClient``)."""

    def __init__(self, dialer: ServiceDialer) -> None:
        """Reach Services by ``dialer``."""
        self._dialer = dialer
        self._sessions: dict[tuple[str, tuple[str, str, int] | None], _Session] = {}

    async def aclose(self) -> None:
        """Close every connection."""
        while self._sessions:
            await self._sessions.popitem()[1].aclose()

    async def call(self, client_config: Mapping[str, Any], review: Object, *, seconds: float) -> object:
        """Post ``review`` to the webhook that a ``clientConfig`` names; give the JSON it answers.

        Raises:
            WebhookCallError: there was no such answer within ``seconds``.
        """
        target = _target(client_config)
        shown = f'Post "{target.url}?timeout={seconds:g}s"'
        try:
            async with asyncio.timeout(seconds):
                return await self._post(target, review, seconds)
        except TimeoutError as error:
            raise WebhookCallError(f"{shown}: context deadline exceeded") from error
        except (aiohttp.ClientError, OSError, LookupError, ValueError) as error:
            raise WebhookCallError(f"{shown}: {error}") from error

    async def _post(self, target: _Target, review: Object, seconds: float) -> object:
        session = await self._session(target)
        status, content = await session.post(target.url, review, seconds)
        if status != 200:
            said = content[:512].decode(errors="replace")
            raise ValueError(f"the server answered {status}: {said}")
        try:
            return msgspec.json.decode(content)
        except RecursionError as error:
            raise ValueError("the answer is nested too deeply") from error

    async def _session(self, target: _Target) -> _Session:
        key = (target.authority, target.service)
        session = self._sessions.get(key)
        if session is None:
            while len(self._sessions) >= _MOST_SESSIONS:
                await self._sessions.pop(next(iter(self._sessions))).aclose()
            session = self._sessions[key] = _open_session(target, self._dialer)
        return session


class _Sockets:
    """Sockets made ahead, since they are asked for where nothing can be awaited."""

    def __init__(self, dialer: ServiceDialer) -> None:
        self._dialer = dialer
        self._ready: deque[socket.socket] = deque()

    async def prepare(self) -> None:
        """Have one ready; it stays for the next call when an open connection serves this one."""
        if not self._ready:
            self._ready.append(await self._dialer.open_socket())

    def take(self, _address: object) -> socket.socket:
        """Give one away, as a connection is opened."""
        if not self._ready:
            raise OSError("no socket of the cluster's network is at hand")
        return self._ready.popleft()

    def close(self) -> None:
        """Close those that were not needed."""
        while self._ready:
            self._ready.pop().close()


class _Session:
    """The open connections to one server; ``sockets`` for those into the cluster's network."""

    def __init__(self, connector: aiohttp.TCPConnector, sockets: _Sockets | None) -> None:
        self._http = aiohttp.ClientSession(connector=connector)
        self._sockets = sockets

    async def aclose(self) -> None:
        await self._http.close()
        if self._sockets is not None:
            self._sockets.close()

    async def post(self, url: str, review: Object, seconds: float) -> tuple[int, bytes]:
        """Give the status and content of the answer; asks again when a connection kept open was stale."""
        try:
            return await self._post_once(url, review, seconds)
        except aiohttp.ServerDisconnectedError:
            return await self._post_once(url, review, seconds)

    async def _post_once(self, url: str, review: Object, seconds: float) -> tuple[int, bytes]:
        if self._sockets is not None:
            await self._sockets.prepare()
        query = {"timeout": f"{seconds:g}s"}
        async with self._http.post(url, json=review, params=query, allow_redirects=False) as response:
            content = bytearray()
            async for part in response.content.iter_chunked(65_536):
                content += part
                if len(content) > _LARGEST_ANSWER:
                    raise ValueError(f"the answer is larger than {_LARGEST_ANSWER} bytes")
            return response.status, bytes(content)


class _ServiceResolver(AbstractResolver):
    """Resolves the name of one Service to where it answers now."""

    def __init__(self, dialer: ServiceDialer, service: tuple[str, str, int]) -> None:
        self._dialer = dialer
        self._service = service

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            address, found = self._dialer.endpoint(*self._service)
        except LookupError as error:
            raise OSError(errno.EHOSTUNREACH, str(error)) from error
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=found,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


def _open_session(target: _Target, dialer: ServiceDialer) -> _Session:
    try:
        tls = ssl.create_default_context(cadata=target.authority or None)
    except ssl.SSLError as error:
        raise ValueError(f"unable to load root certificates: {error}") from error
    if target.service is None:
        return _Session(aiohttp.TCPConnector(ssl=tls), None)
    sockets = _Sockets(dialer)
    connector = aiohttp.TCPConnector(
        ssl=tls,
        resolver=_ServiceResolver(dialer, target.service),
        socket_factory=sockets.take,
        use_dns_cache=False,
    )
    return _Session(connector, sockets)


def _target(client_config: Mapping[str, Any]) -> _Target:
    try:
        authority = base64.b64decode(client_config.get("caBundle") or "", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise WebhookCallError(f"caBundle is not base64 of PEM: {error}") from error
    if client_config.get("url"):
        return _Target(client_config["url"], authority, None)
    service = client_config.get("service") or {}
    namespace, name, port = service.get("namespace"), service.get("name"), service.get("port") or 443
    if not namespace or not name:
        raise WebhookCallError("neither a url nor a service is given")
    path = (service.get("path") or "/").lstrip("/")
    return _Target(f"https://{name}.{namespace}.svc:{port}/{path}", authority, (namespace, name, port))
