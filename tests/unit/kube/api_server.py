"""A fake cluster behind HTTP, so that the client over HTTP is held to the same tests.

It speaks as much of the API as that client does: JSON, pages, watches, logs, commands (v5) and ports (v4).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from alcove.kube.client import ExecOptions, LogOptions, PatchKind, Selection
from alcove.kube.errors import KubeError
from alcove.kube.fake import FakeKubeClient
from alcove.kube.resources import Resource

PAGE = 2


class ApiServer:
    """Serves ``cluster``; ``requests`` lists what was asked, ``token`` (when set) is what must be shown."""

    def __init__(self, cluster: FakeKubeClient) -> None:
        self.cluster = cluster
        self.requests: list[tuple[str, str]] = []
        self.token = ""

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs))
        try:
            if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
                return _status(KubeError("Unauthorized", code=401, reason="Unauthorized"))
            return await self._answer(request)
        except KubeError as error:
            return _status(error)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        group, parts = (parts[1], parts[2:]) if parts[0] == "apis" else ("", parts[1:])
        version, parts = parts[0], parts[1:]
        if not parts:
            return self._discovery(group, version)
        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        plural, name, subresource = (*parts, "", "")[:3]
        served = [one for one in self.cluster.kinds if (one.group, one.version) == (group, version)]
        for resource in served:
            if resource.plural == plural:
                return await self._resource(request, resource, namespace, name, subresource)
        raise KubeError("the server could not find the requested resource", code=404, reason="NotFound")

    def _discovery(self, group: str, version: str) -> web.Response:
        served = [one for one in self.cluster.kinds if (one.group, one.version) == (group, version)]
        if not served:
            raise KubeError("not found", code=404, reason="NotFound")
        listed = [{"name": one.plural, "kind": one.kind, "namespaced": one.namespaced} for one in served]
        return web.json_response({"resources": [*listed, {"name": "pods/log", "kind": "Pod"}]})

    async def _resource(
        self, request: web.BaseRequest, resource: Resource, namespace: str, name: str, subresource: str
    ) -> web.StreamResponse:
        cluster, query = self.cluster, request.query
        selection = Selection(namespace, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        body: Any = json.loads(await request.read() or b"null")
        if subresource in ("log", "exec", "portforward"):
            streams = {"log": self._log, "exec": self._exec, "portforward": self._portforward}
            return await streams[subresource](request, namespace, name)
        match request.method:
            case "GET" if name:
                return web.json_response(await cluster.get(resource, name, namespace=namespace))
            case "GET" if query.get("watch"):
                return await self._watch(request, resource, selection)
            case "GET":
                return await self._list(request, resource, selection)
            case "POST":
                dry_run = query.get("dryRun") == "All"
                return web.json_response(await cluster.create(resource, body, dry_run=dry_run), status=201)
            case "PUT":
                return web.json_response(await cluster.replace(resource, body, subresource=subresource))
            case "PATCH":
                kind = PatchKind(request.content_type)
                changed = await cluster.patch(
                    resource, name, body, kind=kind, namespace=namespace, subresource=subresource
                )
                return web.json_response(changed)
        uid = (body.get("preconditions") or {}).get("uid", "")
        await cluster.delete(resource, name, namespace=namespace, uid=uid)
        return web.json_response({"kind": "Status", "status": "Success"})

    async def _list(self, request: web.BaseRequest, resource: Resource, selection: Selection) -> web.Response:
        listing = await self.cluster.list(resource, selection)
        begin = int(request.query.get("continue", "0"))
        end = begin + PAGE
        meta = {"resourceVersion": listing.resource_version}
        if end < len(listing.items):
            meta["continue"] = str(end)
        return web.json_response({"metadata": meta, "items": listing.items[begin:end]})

    async def _watch(
        self, request: web.BaseRequest, resource: Resource, selection: Selection
    ) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        events = self.cluster.stream_events(resource, selection, request.query["resourceVersion"])
        async with contextlib.aclosing(events):
            try:
                async for event in events:
                    await response.write(json.dumps(event).encode() + b"\n")
            except KubeError as error:
                if error.code == 410:
                    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": error.message}
                    await response.write(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
                elif request.transport is not None:
                    request.transport.abort()
        return response

    async def _log(self, request: web.BaseRequest, namespace: str, pod: str) -> web.StreamResponse:
        lines = request.query.get("tailLines")
        options = LogOptions(tail_lines=int(lines) if lines else None)
        content = b"".join([part async for part in self.cluster.read_log(namespace, pod, options)])
        return web.Response(body=content)

    async def _exec(self, request: web.BaseRequest, namespace: str, pod: str) -> web.StreamResponse:
        options = ExecOptions(
            tuple(request.query.getall("command")),
            container=request.query.get("container", ""),
            stdin="stdin" in request.query,
            tty="tty" in request.query,
        )
        async with self.cluster.exec(namespace, pod, options) as command:
            socket = web.WebSocketResponse(protocols=["v5.channel.k8s.io"])
            await socket.prepare(request)
            while options.stdin and (message := await socket.receive_bytes()) != b"\xff\x00":
                if message[0] == 4:
                    size = json.loads(message[1:])
                    await command.resize(size["Width"], size["Height"])
                else:
                    await command.write(message[1:])
            async for channel, content in command.output():
                await socket.send_bytes(bytes([channel]) + content)
            await socket.send_bytes(b"\x03" + json.dumps(_ended(await command.wait())).encode())
            await socket.close()
            return socket

    async def _portforward(self, request: web.BaseRequest, namespace: str, pod: str) -> web.StreamResponse:
        port = int(request.query["ports"])
        socket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await socket.prepare(request)
        for channel in (0, 1):
            await socket.send_bytes(bytes([channel]) + struct.pack("<H", port))
        try:
            async with self.cluster.connect(namespace, pod, port) as connection:
                async for message in socket:
                    await connection.write(message.data[1:])
                    await socket.send_bytes(b"\x00" + await connection.read())
        except KubeError as error:
            await socket.send_bytes(b"\x01" + error.message.encode())
        await socket.close()
        return socket


def _ended(code: int) -> dict[str, Any]:
    if code == 0:
        return {"status": "Success"}
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}


def _status(error: KubeError) -> web.Response:
    code = error.code or 500
    body = {"kind": "Status", "status": "Failure", "code": code}
    return web.json_response(body | {"reason": error.reason, "message": error.message}, status=code)


@contextlib.asynccontextmanager
async def serving(server: ApiServer) -> AsyncIterator[str]:
    """Yield the URL at which ``server`` answers."""
    runner = web.ServerRunner(web.Server(server.serve), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        server.cluster.break_watches()
        await asyncio.sleep(0)
        await runner.cleanup()
