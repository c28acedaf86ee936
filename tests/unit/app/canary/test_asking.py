"""The client against the server, on loopback."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from alcove.app.canary.asking import Asker
from alcove.app.canary.serving import Ports, open_canary

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


@pytest.fixture
async def ports() -> AsyncIterator[Ports]:
    chosen = Ports(free_port(), free_port(), free_port())
    async with open_canary("yellow", chosen, host=LOOPBACK):
        yield chosen


@pytest.fixture
async def asker() -> AsyncIterator[Asker]:
    async with contextlib.AsyncExitStack() as stack:
        yield Asker(stack)


async def test_http_tells_who_and_what(ports: Ports, asker: Asker) -> None:
    url = f"http://{LOOPBACK}:{ports.http}/a?b=c"
    told = await asker.ask(
        {"do": "http", "url": url, "headers": [["x-a", "1"]], "method": "POST", "body": "xyz"}
    )
    assert told["status"] == 200
    assert (told["body"]["name"], told["body"]["path"], told["body"]["received"]) == ("yellow", "/a?b=c", 3)
    assert ["x-a", "1"] in told["body"]["headers"]


async def test_a_connection_that_is_kept_is_used_again(ports: Ports, asker: Asker) -> None:
    asked = {"do": "tcp", "host": LOOPBACK, "port": ports.tcp, "say": "hello", "keep": "one"}
    assert await asker.ask(asked) == {"first": "yellow", "second": "hello"}
    assert await asker.ask({**asked, "say": "again"}) == {"first": "", "second": "again"}


async def test_websockets_and_grpc(ports: Ports, asker: Asker) -> None:
    told = await asker.ask({"do": "ws", "url": f"http://{LOOPBACK}:{ports.http}/ws", "say": "x"})
    assert told == {"first": "yellow", "second": "x"}
    asked = {"do": "grpc", "target": f"{LOOPBACK}:{ports.grpc}", "metadata": [["x-a", "1"]]}
    told = await asker.ask(asked)
    assert told["name"] == "yellow"
    assert ["x-a", "1"] in told["headers"]


async def test_what_goes_wrong_is_a_result(ports: Ports, asker: Asker) -> None:
    assert "do is one of" in (await asker.ask({}))["error"]
    closed = free_port()
    for asked in (
        {"do": "http", "url": f"http://{LOOPBACK}:{closed}/"},
        {"do": "tcp", "host": LOOPBACK, "port": closed},
        {"do": "grpc", "target": f"{LOOPBACK}:{closed}"},
        {"do": "ws", "url": f"http://{LOOPBACK}:{ports.http}/none", "say": "x"},
    ):
        assert "error" in await asker.ask(asked)
