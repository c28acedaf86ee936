"""The client against the server, on loopback."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

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


async def talk(asker: Asker, asked: dict[str, Any]) -> tuple[str, str]:
    told = await asker.ask(asked)
    return told["first"], told["second"]


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
    assert await talk(asker, asked) == ("yellow", "hello")
    assert await talk(asker, {**asked, "say": "again"}) == ("", "again")


async def test_a_result_says_when_it_was_there(asker: Asker) -> None:
    before = time.time()
    assert before <= (await asker.ask({}))["at"] <= time.time()


async def test_websockets_and_grpc(ports: Ports, asker: Asker) -> None:
    asked: dict[str, Any] = {"do": "ws", "url": f"http://{LOOPBACK}:{ports.http}/ws", "say": "x"}
    assert await talk(asker, asked) == ("yellow", "x")
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
