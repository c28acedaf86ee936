"""Copying connections, and which ports of the machine lead inside."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from tests.unit.embedded.network.conftest import service

from alcove import aio
from alcove.embedded.network import relays
from alcove.embedded.network.services import resolve_service


def _pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
    one.setblocking(False)
    other.setblocking(False)
    return one, other


async def test_one_direction_may_end_before_the_other() -> None:
    (client, near), (far, server) = _pair(), _pair()
    loop = asyncio.get_running_loop()
    async with aio.open_background(name="test") as background:
        relayed = background.start(relays.relay(near, far), name="relay")
        with client, server:
            await loop.sock_sendall(client, b"question")
            client.shutdown(socket.SHUT_WR)
            assert await loop.sock_recv(server, 100) == b"question"
            assert await loop.sock_recv(server, 100) == b""
            await loop.sock_sendall(server, b"answer")
            server.close()
            assert await loop.sock_recv(client, 100) == b"answer"
            assert await loop.sock_recv(client, 100) == b""
        await relayed


async def test_a_connection_that_breaks_is_reset_on_the_other_side() -> None:
    (client, near), (far, server) = _pair(), _pair()
    async with aio.open_background(name="test") as background:
        background.start(relays.relay(near, far), name="relay")
        relays.reset(server)
        with client, pytest.raises(ConnectionResetError):
            await asyncio.get_running_loop().sock_recv(client, 100)


async def test_much_passes_unchanged_though_the_reader_is_slow() -> None:
    (client, near), (far, server) = _pair(), _pair()
    loop = asyncio.get_running_loop()
    content = bytes(range(256)) * 16384
    async with aio.open_background(name="test") as background:
        background.start(relays.relay(near, far), name="relay")
        background.start(loop.sock_sendall(client, content), name="send")
        got = bytearray()
        while len(got) < len(content):
            got += await loop.sock_recv(server, 8192)
            await asyncio.sleep(0)
        client.close()
        server.close()
    assert got == content


NODE_PORT = {"port": 80, "nodePort": 30080}


@pytest.mark.parametrize(
    ("spec", "ports"),
    [
        ({"type": "NodePort", "ports": [NODE_PORT]}, {30080: 80}),
        ({"type": "LoadBalancer", "ports": [NODE_PORT]}, {30080: 80, 80: 80}),
        ({"type": "NodePort", "ports": [{**NODE_PORT, "protocol": "UDP"}]}, {}),
        ({"ports": [{"port": 80}]}, {}),
    ],
)
def test_node_ports_and_load_balancers_open_the_machines_ports(spec: Any, ports: dict[int, int]) -> None:
    route = resolve_service(service("web", "10.96.0.50", **spec), [])
    found = relays.plan_entrances({route.key: route})
    assert {port: entrance.port for port, entrance in found.items()} == ports


def test_a_node_port_wins_over_a_load_balancers_port() -> None:
    first = resolve_service(service("a", "10.96.0.1", type="LoadBalancer", ports=[{"port": 30080}]), [])
    second = resolve_service(service("b", "10.96.0.2", ports=[NODE_PORT]), [])
    found = relays.plan_entrances({first.key: first, second.key: second})
    assert found[30080].service.name == "b"
