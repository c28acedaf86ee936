"""The real agent in a directory of a test, and the real client over TCP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from tests.unit.native.conftest import Agent, programs
from tests.unit.native.hub import SESSION, Container, container

from alcove.agents.client import AgentClient

__all__ = ["programs"]

Open = Callable[[], AbstractAsyncContextManager[AgentClient]]


class TcpStream:
    """``connection.Stream`` over a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def read(self) -> bytes:
        return await self._reader.read(65536)

    async def write(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()


async def dial(port: int) -> TcpStream:
    """Connect as soon as somebody listens."""
    while True:
        try:
            return TcpStream(*await asyncio.open_connection("127.0.0.1", port))
        except ConnectionRefusedError:
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def open_stream(port: int) -> AsyncIterator[TcpStream]:
    stream = await dial(port)
    try:
        yield stream
    finally:
        stream.writer.close()
        with contextlib.suppress(OSError):
            await stream.writer.wait_closed()


@contextlib.asynccontextmanager
async def open_agent(port: int) -> AsyncIterator[AgentClient]:
    async with open_stream(port) as stream, AgentClient.open(stream, SESSION) as agent:
        yield agent


@pytest.fixture
def pod(programs: Path, tmp_path: Path) -> Iterator[Container]:
    agent = Agent(str(programs / "alcove-agent-sanitized"))
    with container(agent, tmp_path) as made:
        yield made
    agent.close()


@pytest.fixture
async def agent(pod: Container) -> AsyncIterator[AgentClient]:
    """A client of an agent whose command sleeps."""
    pod.begin("sh", "-c", "echo started; exec sleep 600")
    async with open_agent(pod.port) as agent:
        yield agent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what builds programs out of the time a test may take: whichever comes first would pay for all."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(func_only=True))
