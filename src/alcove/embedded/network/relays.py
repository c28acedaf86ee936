"""TCP relays between the cluster's inside and the machine: out of it for pods, into it for node ports.

A relay copies both directions with the kernel's own backpressure; the end of one direction is passed on and
leaves the other open. A connection that breaks on one side is reset on the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from alcove import aio
from alcove.embedded.network import addresses
from alcove.embedded.network.services import ServiceKey, ServiceRoute

_log = logging.getLogger(__name__)

_CHUNK = 128 * 1024
_DIAL_SECONDS = 30.0
_PAUSE_SECONDS = 0.1
_MOST_CONNECTIONS = 4096
_BACKLOG = 1024
_SO_ORIGINAL_DST = 80
_RESET = struct.pack("ii", 1, 0)

Dial = Callable[[], Awaitable[socket.socket]]


async def relay(one: socket.socket, other: socket.socket) -> None:
    """Copy both ways until both have ended; both sockets are closed, by a reset if one broke."""
    with one, other:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(one, other), name="relay-there")
                group.create_task(_copy(other, one), name="relay-back")
        except* OSError:
            for end in (one, other):
                reset(end)


async def _copy(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while content := await loop.sock_recv(source, _CHUNK):
        await loop.sock_sendall(target, content)
    with contextlib.suppress(OSError):  # its reader is gone, but may still have something to say
        target.shutdown(socket.SHUT_WR)


def reset(connection: socket.socket) -> None:
    """Close a connection so that the other end sees it refused or broken, not ended."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()


async def serve_relay(
    listener: socket.socket, dial: Callable[[socket.socket], Awaitable[socket.socket]]
) -> None:
    """Relay each connection of ``listener`` to what ``dial`` gives for it, until cancelled; closes it."""
    loop = asyncio.get_running_loop()
    places = asyncio.Semaphore(_MOST_CONNECTIONS)

    async def serve(client: socket.socket) -> None:
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                target = await dial(client)
        except (OSError, TimeoutError) as error:
            _log.debug("relay: %s", error)
            reset(client)
        else:
            await relay(client, target)
        finally:
            client.close()
            places.release()

    with listener:
        async with aio.open_background(name="relay") as background:
            while True:
                await places.acquire()
                try:
                    client, _ = await loop.sock_accept(listener)
                except OSError as error:  # no descriptors left, or it went away before it was accepted
                    _log.warning("relay: %s", error)
                    places.release()
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                background.start(serve(client), name="connection")


async def dial_outside(client: socket.socket) -> socket.socket:
    """Connect from the machine's network to where ``client`` had wanted to go.

    Raises:
        OSError: it cannot be reached, or pods may not go there.
    """
    packed = client.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16)
    port, address = struct.unpack_from("!2xH4s", packed)
    target = socket.inet_ntoa(address)
    if not addresses.may_leave_to(target):
        raise PermissionError(f"pods may not connect to {target}")
    return await connect(
        socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK), target, port
    )


async def connect(unconnected: socket.socket, host: str, port: int) -> socket.socket:
    """Connect the socket, or close it and raise OSError."""
    try:
        unconnected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(unconnected, (host, port))
    except BaseException:
        unconnected.close()
        raise
    return unconnected


class Entrance(NamedTuple):
    """A service port that is to be reachable from the machine."""

    service: ServiceKey
    address: str
    port: int


def plan_entrances(routes: Mapping[ServiceKey, ServiceRoute]) -> dict[int, Entrance]:
    """Give the machine's ports that lead inside: node ports, then what load balancers want and is free."""
    entrances: dict[int, Entrance] = {}
    for key in sorted(routes):
        route = routes[key]
        for port in route.ports:
            if port.protocol == "tcp" and port.node_port and route.addresses:
                entrances[port.node_port] = Entrance(key, route.addresses[0], port.port)
    for key in sorted(routes):
        route = routes[key]
        for port in route.ports if route.type == "LoadBalancer" and route.addresses else ():
            if port.protocol == "tcp":
                entrances.setdefault(port.port, Entrance(key, route.addresses[0], port.port))
    return entrances


Trouble = Callable[[ServiceKey, str], None]
"""Told once for each machine port that cannot be had: the service and why."""


class Entrances:
    """Keeps listeners on the machine's 127.0.0.1 for the entrances that are wanted now."""

    def __init__(
        self,
        background: aio.Background,
        open_inside: Callable[[], Awaitable[socket.socket]],
        trouble: Trouble,
    ) -> None:
        """Run listeners in ``background``; ``open_inside`` gives unconnected sockets of the inside."""
        self._background = background
        self._open_inside = open_inside
        self._trouble = trouble
        self._open: dict[int, tuple[Entrance, asyncio.Task[None]]] = {}
        self._refused: dict[int, Entrance] = {}

    def apply(self, wanted: Mapping[int, Entrance]) -> None:
        """Open and close listeners so that these are the ones; a closed one's connections end."""
        for port in [port for port, (entrance, _) in self._open.items() if wanted.get(port) != entrance]:
            self._open.pop(port)[1].cancel()
        self._refused = {port: one for port, one in self._refused.items() if wanted.get(port) == one}
        for port, entrance in wanted.items():
            if port not in self._open and port not in self._refused:
                self._listen(port, entrance)

    def _listen(self, port: int, entrance: Entrance) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            self._refused[port] = entrance
            self._trouble(entrance.service, f"cannot listen on 127.0.0.1:{port}: {error.strerror}")
            return

        async def dial(_client: socket.socket) -> socket.socket:
            return await connect(await self._open_inside(), entrance.address, entrance.port)

        task = self._background.start(serve_relay(listener, dial), name=f"entrance-{port}")
        self._open[port] = (entrance, task)
