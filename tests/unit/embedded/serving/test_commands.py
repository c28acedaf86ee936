from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.serving.fakes import Client, Cluster

from alcove.embedded.ports import ExitStatus
from alcove.embedded.serving import commands

EXEC = "/api/v1/namespaces/n/pods/p/exec?command=run&stdout=1&stderr=1"
SUCCESS = {"metadata": {}, "status": "Success"}


async def read_all(socket: Any) -> list[tuple[int, bytes]]:
    return [(message.data[0], message.data[1:]) async for message in socket]


@pytest.mark.parametrize("protocol", commands.PROTOCOLS)
async def test_outputs_have_channels_and_the_end_has_a_status(client: Client, protocol: str) -> None:
    async with client.ws(EXEC, protocol) as socket:
        assert socket.protocol == protocol
        out, err, (channel, outcome) = await read_all(socket)
    assert (out, err, channel, json.loads(outcome)) == ((1, b"out"), (2, b"err"), 3, SUCCESS)


async def test_an_exit_code_is_told_as_a_cause(client: Client, cluster: Cluster) -> None:
    cluster.pods.exit_code = 3
    async with client.ws(EXEC, "v5.channel.k8s.io") as socket:
        outcome = json.loads((await read_all(socket))[-1][1])
    assert (outcome["status"], outcome["reason"]) == ("Failure", "NonZeroExitCode")
    assert outcome["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


async def test_input_goes_in_until_its_channel_is_closed(client: Client) -> None:
    async with client.ws(f"{EXEC}&stdin=1", "v5.channel.k8s.io") as socket:
        await socket.send_bytes(b"\x00hello")
        await socket.send_str("\x00 you")
        await socket.send_bytes(b"\xff\x00")
        pieces = await read_all(socket)
    assert b"".join(content for channel, content in pieces if channel == 1) == b"hello you"


async def test_the_terminal_is_resized(client: Client, cluster: Cluster) -> None:
    async with client.ws(f"{EXEC}&stdin=1&tty=1", "v5.channel.k8s.io") as socket:
        for message in (b"", b"\x04not json", b'\x04{"Width":80,"Height":24}', b"\x63?", b"\xff\x00"):
            await socket.send_bytes(message)
        await read_all(socket)
    assert cluster.pods.sessions[0].sizes == [(80, 24)]


async def test_a_client_that_leaves_ends_its_command(client: Client, cluster: Cluster) -> None:
    async with client.ws(f"{EXEC}&stdin=1", "v4.channel.k8s.io"):
        pass
    await cluster.pods.closed.wait()


async def test_the_server_ends_commands_with_itself() -> None:
    other = Cluster()
    async with Client.connect(other) as client, asyncio.TaskGroup() as group, other.serve():
        socket = await client.ws(f"{EXEC}&stdin=1", "v5.channel.k8s.io")
        reading = group.create_task(read_all(socket))
    assert reading.result() == []
    assert other.pods.closed.is_set()


def test_a_command_that_could_not_start_says_why() -> None:
    told = commands.render_outcome(ExitStatus(127, message="no such file"))
    assert (told["code"], "no such file" in told["message"]) == (500, True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1",
        b"[]",
        b'{"Width":0,"Height":1}',
        b'{"Width":true,"Height":1}',
        b'{"Width":99999,"Height":1}',
        b"[" * 9999,
    ],
)
def test_a_size_that_cannot_be_is_left_aside(content: bytes) -> None:
    assert commands.parse_size(content) is None


@given(st.binary())
def test_random_sizes_raise_nothing(content: bytes) -> None:
    commands.parse_size(content)
