from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.serving.fakes import Client, Cluster
from tests.unit.embedded.serving.peers import SpdyPeer

from alcove.embedded.serving.portforward import TUNNEL, Inbox

PATH = "/api/v1/namespaces/n/pods/p/portforward"


class Forward:
    """A client of a tunnel: opens pairs of streams and collects what comes on each."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.peer = SpdyPeer()
        self.received: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self._next = 1

    async def connect(self, port: object = 80, request: str = "") -> tuple[int, int]:
        error, data = self._next, self._next + 2
        self._next += 4
        for stream, kind in ((error, "error"), (data, "data")):
            headers = {"streamtype": kind, "port": str(port), "requestid": request or str(data)}
            await self.socket.send_bytes(self.peer.open(stream, headers))
        return error, data

    async def send(self, stream: int, content: bytes, *, end: bool = False) -> None:
        for start in range(0, len(content), 1000):
            await self.socket.send_bytes(self.peer.data(stream, content[start : start + 1000]))
        if end:
            await self.socket.send_bytes(self.peer.data(stream, b"", end=True))

    async def read_until_ended(self, *streams: int) -> None:
        while not self.ended.issuperset(streams):
            for kind, stream, content in self.peer.receive(await self.socket.receive_bytes()):
                if kind == "data":
                    self.received[stream] = self.received.get(stream, b"") + content
                elif kind in ("end", "reset"):
                    self.ended.add(stream)

    async def read_until_closed(self) -> None:
        async for message in self.socket:
            self.peer.receive(message.data)


async def test_a_connection_carries_both_ways_and_half_closes(client: Client) -> None:
    async with client.ws(PATH, TUNNEL) as socket:
        forward = Forward(socket)
        error, data = await forward.connect()
        await forward.send(data, b"hello", end=True)
        await forward.read_until_ended(error, data)
    assert forward.received == {data: b"hellobye"}


async def test_many_connections_share_a_tunnel(client: Client) -> None:
    async with client.ws(PATH, TUNNEL) as socket:
        forward = Forward(socket)
        pairs = [await forward.connect() for _ in range(20)]
        for error, data in pairs:
            await forward.send(data, b"%d" % error * 5000, end=True)
        await forward.read_until_ended(*(stream for pair in pairs for stream in pair))
    assert forward.received == {data: b"%d" % error * 5000 + b"bye" for error, data in pairs}


async def test_a_port_that_refuses_is_told_and_the_others_go_on(client: Client) -> None:
    async with client.ws(PATH, TUNNEL) as socket:
        forward = Forward(socket)
        refused = await forward.connect(81)
        await forward.read_until_ended(*refused)
        error, data = await forward.connect()
        await forward.send(data, b"x", end=True)
        await forward.read_until_ended(error, data)
    assert forward.received == {
        refused[0]: b"error forwarding port 81: connect: connection refused",
        data: b"xbye",
    }


async def test_a_reset_drops_one_connection(client: Client) -> None:
    async with client.ws(PATH, TUNNEL) as socket:
        forward = Forward(socket)
        _, dropped = await forward.connect()
        await socket.send_bytes(forward.peer.reset(dropped))
        error, data = await forward.connect()
        await forward.send(data, b"x", end=True)
        await forward.read_until_ended(error, data)
    assert forward.received == {data: b"xbye"}


@pytest.mark.parametrize("port", ["", "0", "99999", "http", "\u0663"])
async def test_a_stream_without_a_port_is_reset(client: Client, port: str) -> None:
    async with client.ws(PATH, TUNNEL) as socket:
        forward = Forward(socket)
        await forward.read_until_ended(*(await forward.connect(port)))
    assert forward.received == {}


async def test_what_is_not_spdy_ends_the_tunnel(client: Client) -> None:
    async with client.ws(PATH, TUNNEL) as socket:
        await socket.send_bytes(b"GET / HTTP/1.1\r\n\r\n")
        assert [message async for message in socket] == []


async def test_channels_begin_with_their_port_and_carry_data(client: Client) -> None:
    async with client.ws(f"{PATH}?ports=80", "v4.channel.k8s.io") as socket:
        assert [await socket.receive_bytes() for _ in range(2)] == [
            bytes([channel]) + struct.pack("<H", 80) for channel in (0, 1)
        ]
        await socket.send_bytes(b"\x00ping")
        assert await socket.receive_bytes() == b"\x00ping"


async def test_channels_tell_what_went_wrong_and_end_with_their_last_port(client: Client) -> None:
    async with client.ws(f"{PATH}?ports=81&ports=82", "v4.channel.k8s.io") as socket:
        told = {message.data[0]: message.data[1:] async for message in socket}
    assert told[1] == b"error forwarding port 81: connect: connection refused"
    assert told[3] == b"error forwarding port 82: connect: connection refused"


async def test_channels_need_ports(client: Client) -> None:
    answer, _ = await client.answer("GET", f"{PATH}?ports=x", headers={"Upgrade": "websocket"})
    assert answer.status == 400


async def test_open_tunnels_end_with_the_server() -> None:
    other = Cluster()
    async with Client.connect(other) as client, asyncio.TaskGroup() as group, other.serve():
        forward = Forward(await client.ws(PATH, TUNNEL))
        error, _ = await forward.connect()
        reading = group.create_task(forward.read_until_closed())
    assert reading.result() is None
    assert error not in forward.ended


async def test_an_inbox_lets_its_writer_go_when_it_closes() -> None:
    inbox = Inbox()
    for _ in range(32):
        await inbox.put(b"x")
    inbox.close()
    await inbox.put(b"y")
    inbox.close()


@given(st.lists(st.sampled_from([b"a", None]), max_size=10))
async def test_an_inbox_keeps_the_order(pieces: list[bytes | None]) -> None:
    inbox = Inbox()
    for piece in pieces:
        await inbox.put(piece)
    assert [await inbox.take() for _ in pieces] == pieces
