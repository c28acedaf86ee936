"""The cluster over HTTP (``client.KubeClient``)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

import aiohttp
import msgspec

from alcove.kube.access import Access
from alcove.kube.client import (
    EVERYTHING,
    WHOLE_LOG,
    ExecOptions,
    Listing,
    LogOptions,
    Object,
    PatchKind,
    Selection,
    WatchEvent,
    object_key,
)
from alcove.kube.errors import (
    KubeError,
    NotFoundError,
    UnreachableError,
    from_answer,
    translated,
)
from alcove.kube.resources import Resource
from alcove.kube.streams import EXEC_PROTOCOLS, PORT_PROTOCOLS, WebSocketExec, WebSocketPort
from alcove.kube.watching import Pause, follow

_REQUEST_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
_HANDSHAKE_SECONDS, _GOODBYE_SECONDS = 15.0, 2.0
"""Of connections that stay open."""
_WATCH_SECONDS = 240
_SILENCE_SECONDS = _WATCH_SECONDS + 30.0
"""After this much silence a watch is dead: the server was to end it itself before."""
_PAGE = 500
_LARGEST_EVENT = 16 * 1024 * 1024

_Query = Mapping[str, str] | list[tuple[str, str]]


@contextlib.asynccontextmanager
async def open_client(access: Access, *, pause: Pause | None = None) -> AsyncIterator[HttpKubeClient]:
    """Yield a client of the cluster; its connections are closed with the block."""
    connector = aiohttp.TCPConnector(limit=0, ssl=access.tls or False)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield HttpKubeClient(session, access, pause or Pause(asyncio.sleep))


class HttpKubeClient:
    """Speaks JSON with an API server."""

    def __init__(self, session: aiohttp.ClientSession, access: Access, pause: Pause) -> None:
        """Use ``session``, which stays the caller's; see ``open_client``."""
        self._session = session
        self._access = access
        self._pause = pause
        self._discovered: dict[str, Sequence[Resource]] = {}

    @property
    def namespace(self) -> str:
        """The namespace of the kubeconfig's context."""
        return self._access.namespace

    async def get(self, resource: Resource, name: str, *, namespace: str = "") -> Object:
        """Give the object."""
        return await self._call("GET", resource.path(namespace, name))

    async def list(self, resource: Resource, selection: Selection = EVERYTHING) -> Listing:
        """Give all selected objects of one revision, read in pages."""
        query = _selected(selection) | {"limit": str(_PAGE)}
        items: list[Object] = []
        while True:
            page = await self._call("GET", resource.path(selection.namespace), query=query)
            meta = page.get("metadata") or {}
            items += [_typed(item, resource) for item in page.get("items") or ()]
            if not meta.get("continue"):
                return Listing(items, str(meta.get("resourceVersion") or ""))
            query["continue"] = meta["continue"]

    def watch(
        self,
        resource: Resource,
        selection: Selection = EVERYTHING,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield what is there, SYNCED, and each change, through any interruption."""
        return follow(_Source(self, resource, selection), self._pause)

    async def create(self, resource: Resource, item: Object, *, dry_run: bool = False) -> Object:
        """Create it in its ``metadata.namespace``; give it as stored."""
        query = {"dryRun": "All"} if dry_run else {}
        return await self._call("POST", resource.path(object_key(item)[0]), query=query, body=item)

    async def replace(self, resource: Resource, item: Object, *, subresource: str = "") -> Object:
        """Replace it; ConflictError when its ``resourceVersion`` is set and no longer current."""
        return await self._call("PUT", resource.path(*object_key(item), subresource), body=item)

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: object,
        *,
        kind: PatchKind = PatchKind.MERGE,
        namespace: str = "",
        subresource: str = "",
        field_manager: str = "alcove",
        force: bool = False,
    ) -> Object:
        """Change it; APPLY creates what is not there."""
        query = {"fieldManager": field_manager} | ({"force": "true"} if force else {})
        path = resource.path(namespace, name, subresource)
        return await self._call("PATCH", path, query=query, body=patch, content_type=kind.value)

    async def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str = "",
        uid: str = "",
        grace_seconds: int | None = None,
        propagation: str = "Background",
    ) -> None:
        """Delete it, or begin to; ConflictError when ``uid`` is another's."""
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        await self._call("DELETE", resource.path(namespace, name), body=body)

    async def read_log(
        self,
        namespace: str,
        pod: str,
        options: LogOptions = WHOLE_LOG,
    ) -> AsyncIterator[bytes]:
        """Yield the log in pieces as they come."""
        names = {"tail_lines": "tailLines", "since_seconds": "sinceSeconds"}
        query = {
            names.get(key, key): str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in dataclasses.asdict(options).items()
            if value not in ("", False, None)
        }
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        async with self._stream(path, query, silence=None) as response:
            while True:
                with translated(self._access.server):
                    content = await response.content.readany()
                if not content:
                    return
                yield content

    @contextlib.asynccontextmanager
    async def exec(self, namespace: str, pod: str, options: ExecOptions) -> AsyncIterator[WebSocketExec]:
        """Run a command in a container, ended with the block."""
        query = [("command", part) for part in options.command]
        flags = {"stdin": options.stdin, "stdout": True, "stderr": not options.tty, "tty": options.tty}
        query += [(name, "true") for name, wanted in flags.items() if wanted]
        query += [("container", options.container)] if options.container else []
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
        async with self._socket(path, query, EXEC_PROTOCOLS) as socket:
            yield WebSocketExec(socket, self._access.server)

    @contextlib.asynccontextmanager
    async def connect(self, namespace: str, pod: str, port: int) -> AsyncIterator[WebSocketPort]:
        """Connect to a port on the pod's own loopback."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward"
        async with self._socket(path, {"ports": str(port)}, PORT_PROTOCOLS) as socket:
            yield WebSocketPort(socket, self._access.server)

    async def find_resource(self, api_version: str, kind: str) -> Resource:
        """Give the resource of an object's ``apiVersion`` and ``kind``; asked of the server once."""
        for refresh in (False, True):
            if refresh or api_version not in self._discovered:
                self._discovered[api_version] = await self._discover(api_version)
            for resource in self._discovered[api_version]:
                if resource.kind == kind:
                    return resource
        raise NotFoundError(
            f"the cluster does not serve {kind} of {api_version}", code=404, reason="NotFound"
        )

    async def _discover(self, api_version: str) -> Sequence[Resource]:
        group, _, version = api_version.rpartition("/")
        path = f"/apis/{api_version}" if group else f"/api/{version}"
        answer = await self._call("GET", path)
        return [
            Resource(group, version, one["name"], one["kind"], bool(one.get("namespaced")))
            for one in answer.get("resources") or ()
            if "/" not in one["name"]
        ]

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: _Query | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> Object:
        encoded = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": content_type} if encoded is not None else {}
        status, content = await self._send(method, path, query, headers, encoded)
        if status == 401:
            status, content = await self._send(method, path, query, headers, encoded, renew=True)
        if status >= 300:
            raise from_answer(status, content)
        return _decode(content)

    async def _send(
        self,
        method: str,
        path: str,
        query: _Query | None,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        renew: bool = False,
    ) -> tuple[int, bytes]:
        told = await self._headers(renew=renew)
        with translated(self._access.server):
            async with self._session.request(
                method,
                self._access.server + path,
                params=query,
                headers={**told, **headers},
                data=body,
                timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS, sock_connect=_CONNECT_SECONDS),
                **self._options(),
            ) as response:
                return response.status, await response.read()

    @contextlib.asynccontextmanager
    async def _stream(
        self, path: str, query: Mapping[str, str], *, silence: float | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open an answer that is read while it comes; ``silence`` bounds the seconds between its parts."""
        timeout = aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=silence)
        headers = await self._headers()
        async with contextlib.AsyncExitStack() as stack:
            with translated(self._access.server):
                request = self._session.get(
                    self._access.server + path,
                    params=query,
                    headers=headers,
                    timeout=timeout,
                    **self._options(),
                )
                response = await stack.enter_async_context(request)
                if response.status >= 300:
                    raise from_answer(response.status, await response.read())
            yield response

    @contextlib.asynccontextmanager
    async def _socket(
        self, path: str, query: _Query, protocols: tuple[str, ...]
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        headers = await self._headers()
        async with contextlib.AsyncExitStack() as stack:
            with translated(self._access.server):
                request = self._session.ws_connect(
                    self._access.server + path,
                    params=query,
                    headers=headers,
                    protocols=protocols,
                    max_msg_size=0,
                    **self._options(),
                )
                async with asyncio.timeout(_HANDSHAKE_SECONDS):
                    socket = await stack.enter_async_context(request)
            try:
                yield socket
            finally:
                # To say goodbye to a server that does not read any more would take for ever.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_GOODBYE_SECONDS):
                        await socket.close()

    async def _headers(self, *, renew: bool = False) -> dict[str, str]:
        header = await self._access.authorization(renew)
        # Logs and streams are answered by the kubelet, which has no JSON to offer for them.
        told = {"Accept": "application/json, */*", "User-Agent": "alcove"}
        return told | ({"Authorization": header} if header else {})

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self._access.server_name:
            options["server_hostname"] = self._access.server_name
        if self._access.proxy:
            options["proxy"] = self._access.proxy
        return options

    async def stream_events(
        self, resource: Resource, selection: Selection, resource_version: str
    ) -> AsyncGenerator[Object, None]:
        """Yield the raw events of one watch, until the server ends it."""
        query = _selected(selection) | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        rest = b""
        async with self._stream(
            resource.path(selection.namespace), query, silence=_SILENCE_SECONDS
        ) as response:
            while True:
                with translated(self._access.server):
                    content = await response.content.readany()
                if not content:
                    return
                *lines, rest = (rest + content).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield _decode(line)
                if len(rest) > _LARGEST_EVENT:
                    raise UnreachableError("the server sent an event of unreasonable size")


class _Source:
    """One resource of the server (``watching.WatchSource``)."""

    def __init__(self, client: HttpKubeClient, resource: Resource, selection: Selection) -> None:
        self._client = client
        self._resource = resource
        self._selection = selection

    async def list(self) -> Listing:
        return await self._client.list(self._resource, self._selection)

    def stream(self, resource_version: str) -> AsyncGenerator[Object, None]:
        return self._client.stream_events(self._resource, self._selection, resource_version)


def _selected(selection: Selection) -> dict[str, str]:
    query = {"labelSelector": selection.labels, "fieldSelector": selection.fields}
    return {key: value for key, value in query.items() if value}


def _typed(item: Object, resource: Resource) -> Object:
    """Give an item of a list the kind that lists leave out."""
    item.setdefault("apiVersion", resource.api_version)
    item.setdefault("kind", resource.kind)
    return item


def _decode(content: bytes) -> Object:
    try:
        decoded = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise KubeError(f"the server answered what is not JSON: {error}") from error
    if not isinstance(decoded, dict):
        raise KubeError("the server answered what is not an object")
    return decoded
