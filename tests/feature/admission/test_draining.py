"""What happens to requests while a pod ends: its application before its proxy, and its callers' connections.

Two Envoys in a chain: that of a caller, which keeps its connections to a Service, and that of the pod behind
them. New connections to the Service already go to another pod, as they do a moment after a pod is to end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.feature.admission.pods import Pod, ask, free_port, open_envoy

from alcove.admission.messages import cluster, extension, http2, http_listener, pipe, socket_address
from alcove.admission.settings import Images, InjectionSettings
from alcove.images.programs import find_agent

_CALLERS = 4
_PROTOCOLS = ["HTTP/1", "HTTP/2"]


@dataclass
class Application:
    """Answers with its name, when as many ask at once as it was told to wait for."""

    name: str
    together: int = 1
    runner: web.AppRunner = field(init=False)
    _waiting: int = 0
    _all: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> int:
        """Listen; give the port."""
        application = web.Application()
        application.router.add_get("/", self._handle)
        self.runner = web.AppRunner(application)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        port: int = self.runner.addresses[0][1]
        return port

    async def _handle(self, _: web.Request) -> web.Response:
        self._waiting += 1
        if self._waiting % self.together == 0:
            self._all.set()
            self._all = asyncio.Event()
        else:
            await self._all.wait()
        return web.Response(text=self.name)


class Service:
    """Forwards new connections to one port; those that it has stay where they are."""

    def __init__(self, port: int) -> None:
        """Begin with this port."""
        self.port = port

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        async with asyncio.TaskGroup() as directions:
            directions.create_task(_carry(reader, back))
            directions.create_task(_carry(there, writer))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    writer.close()


@dataclass
class Stage:
    """A caller, a Service, and a pod that is to end; another one takes over."""

    pod: Pod
    session: aiohttp.ClientSession
    application: Application
    service: Service
    other: int

    async def ask(self) -> str:
        """Ask through the caller's proxy: give the answer, or the status if it is an error."""
        async with self.session.get("http://service/") as response:
            return await response.text() if response.ok else str(response.status)

    async def ask_together(self) -> list[str]:
        """Ask so often at once that connections are opened, and all that there are get used."""
        async with asyncio.TaskGroup() as callers:
            asked = [callers.create_task(self.ask()) for _ in range(_CALLERS)]
        return [one.result() for one in asked]

    async def agent(self, *arguments: str) -> int:
        """Run the agent as a hook would; give its exit code."""
        told = [*arguments, "--admin", self.pod.places.admin]
        process = await asyncio.create_subprocess_exec(find_agent(), *told, stderr=asyncio.subprocess.DEVNULL)
        return await process.wait()

    def move(self) -> None:
        """Let new connections go to the other pod."""
        self.service.port = self.other

    async def end_application(self) -> None:
        """End it before its proxy, as it is in every pod."""
        await self.application.runner.cleanup()


def bootstrap(listener: dict[str, Any], to: int, admin: str, **fields: Any) -> dict[str, Any]:
    upstream = cluster("to", socket_address("127.0.0.1", to), connect_timeout="5s", **fields)
    limit = extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "DownstreamConnections",
        max_active_downstream_connections=1000,
    )
    return {
        "admin": {"address": pipe(admin)},
        "static_resources": {"listeners": [listener], "clusters": [upstream]},
        "overload_manager": {"resource_monitors": [limit]},
    }


def listen(address: dict[str, Any]) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": "to", "timeout": "0s"}}
    return http_listener("in", address, routes=[route], stream_idle_timeout="0s")


@contextlib.asynccontextmanager
async def open_proxied(directory: Path, application: Application) -> AsyncIterator[tuple[Pod, int]]:
    """Yield a pod whose proxy is at a port, before its application."""
    directory.mkdir()
    pod = Pod(directory, InjectionSettings("1", Images("init", "proxy"), control_plane=""))
    port = free_port()
    given = bootstrap(listen(socket_address("127.0.0.1", port)), await application.start(), pod.places.admin)
    try:
        async with open_envoy(given, pod):
            await until_ready(pod.places.admin)
            yield pod, port
    finally:
        await application.runner.cleanup()


async def until_ready(admin: str) -> None:
    async with asyncio.timeout(10):
        while (await ask(admin, "/ready")).status != 200:
            pass


@pytest.fixture(params=_PROTOCOLS)
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    first, second = Application("first", together=_CALLERS), Application("second")
    at, admin = str(tmp_path / "out.sock"), str(tmp_path / "caller.sock")
    protocol = http2() if request.param == "HTTP/2" else {}
    async with (
        open_proxied(tmp_path / "first", first) as (pod, port),
        open_proxied(tmp_path / "second", second) as (_, other),
        await asyncio.start_server((service := Service(port)).forward, "127.0.0.1", 0) as server,
        open_envoy(bootstrap(listen(pipe(at)), port_of(server), admin, **protocol), pod),
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(at)) as session,
    ):
        await until_ready(admin)
        made = Stage(pod, session, first, service, other)
        assert await made.ask_together() == ["first"] * _CALLERS
        yield made


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def test_a_drained_proxy_loses_nothing(stage: Stage) -> None:
    """Who asks while the application gives its last answers, asks the other pod next."""
    stage.move()
    assert await stage.agent("drain") == 0
    assert await stage.ask_together() == ["first"] * _CALLERS
    await stage.end_application()
    assert await stage.ask_together() == ["second"] * _CALLERS


async def test_without_it_callers_keep_to_a_pod_whose_application_is_gone(stage: Stage) -> None:
    stage.move()
    assert await stage.ask_together() == ["first"] * _CALLERS
    await stage.end_application()
    for _ in range(3):
        assert await stage.ask_together() == ["503"] * _CALLERS


async def test_a_connection_that_nobody_used_meanwhile_loses_one_request(stage: Stage) -> None:
    """Envoy says that it drains with its next answer only, and that one comes too late."""
    stage.move()
    assert await stage.agent("drain") == 0
    await stage.end_application()
    assert await stage.ask_together() == ["503"] * _CALLERS
    assert await stage.ask_together() == ["second"] * _CALLERS


async def test_a_drained_proxy_is_not_ready(stage: Stage) -> None:
    assert await stage.agent("await-proxy", "--seconds", "0") == 0
    assert await stage.agent("drain") == 0
    assert await stage.agent("await-proxy", "--seconds", "0") == 1
    assert (await ask(stage.pod.places.admin, "/ready")).text == "DRAINING\n"
