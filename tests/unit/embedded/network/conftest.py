"""A cluster's network with the real kernel, and services given by hand."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from alcove import aio
from alcove.embedded.launcher.client import LauncherClient, open_launcher
from alcove.embedded.network.network import Network, open_network
from alcove.embedded.network.services import SERVICES, SLICES, ServiceKey
from alcove.embedded.objects import GroupResource, Object, WatchEvent
from alcove.embedded.ports import NODE_NETNS, NetnsId, PodAttachment

Respond = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def service(name: str, address: str, **spec: Any) -> Object:
    ports = spec.pop("ports", [{"port": 80, "targetPort": 8080}])
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"clusterIP": address, "ports": ports, **spec},
    }


def endpoints(
    name: str, /, *addresses: str, ready: bool = True, port: int = 8080, **port_fields: Any
) -> Object:
    return {
        "metadata": {
            "name": f"{name}-1",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": [{"port": port, **port_fields}],
        "endpoints": [{"addresses": [one], "conditions": {"ready": ready}} for one in addresses],
    }


class Feed:
    """The watch of a ClusterApi, as the test tells it."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[WatchEvent] = asyncio.Queue()

    def put(self, item: Object, kind: str = "MODIFIED") -> None:
        resource = SLICES if "endpoints" in item else SERVICES
        self._events.put_nowait(WatchEvent(kind, resource, item))

    async def watch(self, *resources: GroupResource) -> AsyncIterator[WatchEvent]:
        yield WatchEvent("SYNCED", SERVICES, {})
        while True:
            yield await self._events.get()


class World:
    """A network, its launcher, and what the test gives it."""

    def __init__(self, launcher: LauncherClient, network: Network, background: aio.Background) -> None:
        self.launcher = launcher
        self.network = network
        self.feed = Feed()
        self.troubles: asyncio.Queue[tuple[ServiceKey, str]] = asyncio.Queue()
        self._background = background
        self._pods = 0

    def follow(self) -> None:
        work = self.network.follow(
            self.feed,  # type: ignore[arg-type]  # nothing but its watch is used
            trouble=lambda key, why: self.troubles.put_nowait((key, why)),
        )
        self._background.start(work, name="follow")

    async def pod(self) -> PodAttachment:
        self._pods += 1
        return await self.network.attach(f"uid-{self._pods}", host_network=False)

    async def serve(self, netns: NetnsId, address: str, port: int, answer: bytes) -> None:
        """Listen inside and greet whoever connects with ``answer`` and its address."""
        listener = await self.launcher.open_socket(netns, socket.AF_INET, socket.SOCK_STREAM)
        listener.bind((address, port))
        listener.listen(16)
        self._background.start(greet(listener, answer), name="greeter")

    async def say(self, netns: NetnsId, host: str, port: int) -> bytes:
        """Give what the server says that is reached from inside ``netns``."""
        async with self.network.open_connection(netns, host, port, seconds=5) as (reader, _):
            return (await reader.read()).split(b" ")[0]

    async def try_to_say(self, netns: NetnsId, host: str, port: int) -> bytes | None:
        await asyncio.sleep(0.005)
        try:
            return await self.say(netns, host, port)
        except OSError:
            return None

    async def say_until(self, netns: NetnsId, host: str, port: int, wanted: bytes | None) -> None:
        """Try until the answer is ``wanted``, or refused when None; the test's timeout bounds it."""
        while await self.try_to_say(netns, host, port) != wanted:
            pass

    async def wait_for(self, netns: NetnsId, host: str, port: int) -> None:
        """Try until there is any answer."""
        while await self.try_to_say(netns, host, port) is None:
            pass

    async def say_on_node(self, host: str, port: int) -> bytes:
        return await self.say(NODE_NETNS, host, port)


async def greet(listener: socket.socket, answer: bytes) -> None:
    loop = asyncio.get_running_loop()
    with listener:
        while True:
            client, address = await loop.sock_accept(listener)
            with client, contextlib.suppress(OSError):
                await loop.sock_sendall(client, answer + b" " + address[0].encode())


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with (
        open_launcher() as launcher,
        open_network(launcher) as network,
        aio.open_background(name="world") as background,
    ):
        yield World(launcher, network, background)
