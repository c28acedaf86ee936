from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.kube.errors import KubeError, UnreachableError
from alcove.kube.streams import WebSocketExec, WebSocketPort, exit_code

SERVER = "https://cluster"


class FakeSocket:
    """Plays back messages; ``sent`` holds what was sent."""

    def __init__(self, *messages: bytes, protocol: str = "v5.channel.k8s.io") -> None:
        self.protocol: str | None = protocol
        self.sent: list[bytes] = []
        self._messages = list(messages)

    async def receive(self) -> aiohttp.WSMessage:
        if not self._messages:
            return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None)
        return aiohttp.WSMessage(aiohttp.WSMsgType.BINARY, self._messages.pop(0), None)

    async def send_bytes(self, data: bytes) -> None:
        self.sent.append(data)


async def output(*messages: bytes) -> list[tuple[int, bytes]]:
    return [part async for part in WebSocketExec(FakeSocket(*messages), SERVER).output()]


async def test_output_is_told_by_channel() -> None:
    assert await output(b"\x01out", b"\x01", b"", b"\x02err", b"\x07odd") == [(1, b"out"), (2, b"err")]


@pytest.mark.parametrize(
    ("protocol", "sent"), [("v5.channel.k8s.io", [b"\xff\x00"]), ("v4.channel.k8s.io", [])]
)
async def test_the_end_of_input_is_told_where_it_can_be(protocol: str, sent: list[bytes]) -> None:
    socket = FakeSocket(protocol=protocol)
    await WebSocketExec(socket, SERVER).close_stdin()
    assert socket.sent == sent


async def test_input_and_size_go_to_their_channels() -> None:
    socket = FakeSocket()
    command = WebSocketExec(socket, SERVER)
    await command.write(b"in")
    await command.resize(80, 24)
    assert socket.sent == [b"\x00in", b'\x04{"Width": 80, "Height": 24}']


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"status": "Success"}, 0),
        (
            {
                "status": "Failure",
                "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": "7"}]},
            },
            7,
        ),
    ],
)
async def test_the_status_tells_the_exit_code(status: Any, code: int) -> None:
    command = WebSocketExec(FakeSocket(b"\x01x", b"\x03" + json.dumps(status).encode()), SERVER)
    assert await command.wait() == code


@pytest.mark.parametrize(
    "status",
    [
        {"status": "Failure", "message": "no such container", "code": 500},
        {"reason": "NonZeroExitCode"},
        {"reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": "x"}]}},
        {},
    ],
)
def test_a_command_that_could_not_run_is_an_error(status: Any) -> None:
    with pytest.raises(KubeError):
        exit_code(status)


async def test_a_command_without_an_end_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match="ended before"):
        await WebSocketExec(FakeSocket(b"\x01x"), SERVER).wait()


@given(messages=st.lists(st.binary(max_size=20), max_size=6))
async def test_no_messages_break_the_client(messages: list[bytes]) -> None:
    command, port = WebSocketExec(FakeSocket(*messages), SERVER), WebSocketPort(FakeSocket(*messages), SERVER)
    try:
        assert isinstance(await command.wait(), int)
    except KubeError as error:
        assert error.message
    try:
        while await port.read():
            pass
    except UnreachableError as error:
        assert error.message


async def test_a_port_skips_its_number_once() -> None:
    port = WebSocketPort(FakeSocket(b"\x00\x50\x00", b"\x01\x50\x00", b"\x00hello", b"\x00!"), SERVER)
    assert [await port.read(), await port.read(), await port.read()] == [b"hello", b"!", b""]


async def test_an_error_of_a_port_is_told() -> None:
    port = WebSocketPort(FakeSocket(b"\x01\x50\x00", b"\x01connection refused"), SERVER)
    with pytest.raises(UnreachableError, match="connection refused"):
        await port.read()


async def test_a_broken_connection_is_unreachable() -> None:
    class Broken(FakeSocket):
        async def receive(self) -> aiohttp.WSMessage:
            return aiohttp.WSMessage(aiohttp.WSMsgType.ERROR, "reset", None)

        async def send_bytes(self, data: bytes) -> None:
            raise ConnectionResetError("reset")

    port = WebSocketPort(Broken(), SERVER)
    with pytest.raises(UnreachableError):
        await port.read()
    with pytest.raises(UnreachableError):
        await port.write(b"x")
