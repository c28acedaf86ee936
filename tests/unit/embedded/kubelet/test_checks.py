"""Probes and hooks carried out against small servers and scripted processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from tests.unit.embedded.kubelet.worlds import container

from alcove.embedded.kubelet.checks import CheckFailedError, Checks, Target
from alcove.embedded.objects import Object
from alcove.embedded.ports import ExitStatus, NetnsId, ProcessSpec

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class HostNetwork:
    """Connects on this machine."""

    @contextlib.asynccontextmanager
    async def open_connection(
        self, netns: NetnsId, host: str, port: int, *, seconds: float
    ) -> AsyncIterator[tuple[Any, Any]]:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class HostProcess:
    """A process of this machine."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def wait(self) -> ExitStatus:
        return ExitStatus(await self._process.wait())

    def kill(self, signal: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal)


class HostLauncher:
    """Starts commands on this machine."""

    def __init__(self) -> None:
        self.started: list[HostProcess] = []

    async def start_beside(
        self, container_id: str, process: ProcessSpec, *, stdin: int | None, stdout: int, stderr: int
    ) -> HostProcess:
        started = await asyncio.create_subprocess_exec(*process.argv, stdout=stdout, stderr=stderr)
        self.started.append(HostProcess(started))
        return self.started[-1]


async def check(action: Object, seconds: float = 5) -> str:
    """Carry it out and give why it failed, nothing when it did not."""
    launcher = HostLauncher()
    ports = [{"name": "web", "containerPort": 1}]
    target = Target(container(ports=ports), "id", "127.0.0.1", ProcessSpec((), os.environ))
    try:
        await Checks(launcher, HostNetwork()).run(action, target, seconds)  # type: ignore[arg-type]
    except CheckFailedError as error:
        return str(error)
    finally:
        for process in launcher.started:
            await process.wait()
    return ""


@contextlib.asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    answered = asyncio.Semaphore(0)

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await serve(reader, writer)
        await writer.wait_closed()
        answered.release()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await answered.acquire()


def answering(*answers: bytes) -> tuple[Serve, list[bytes]]:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answers[len(asked) - 1])
        await writer.drain()

    return serve, asked


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.0 399 Odd\r\n\r\n", ""),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP probe failed with statuscode: 404"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\n\r\n", ""),
    ],
)
async def test_http_probes_look_at_the_status(answer: bytes, told: str) -> None:
    serve, _ = answering(answer)
    async with serving(serve) as port:
        assert await check({"httpGet": {"port": port}}) == told


async def test_an_http_probe_sends_its_headers_and_path() -> None:
    serve, asked = answering(b"HTTP/1.1 200 OK\r\n\r\n")
    headers = [{"name": "host", "value": "shop"}, {"name": "X-Own", "value": "1"}]
    async with serving(serve) as port:
        await check({"httpGet": {"port": port, "path": "/a?b=c", "httpHeaders": headers}})
    lines = asked[0].split(b"\r\n")
    assert lines[0] == b"GET /a?b=c HTTP/1.1"
    assert b"Host: shop" in lines
    assert b"X-Own: 1" in lines


async def test_an_http_probe_follows_redirects_to_the_same_host() -> None:
    moved = b"HTTP/1.1 302 Found\r\nlocation: /there\r\n\r\n"
    serve, asked = answering(moved, b"HTTP/1.1 500 No\r\n\r\n")
    async with serving(serve) as port:
        assert await check({"httpGet": {"port": port}}) == "HTTP probe failed with statuscode: 500"
    assert asked[1].startswith(b"GET /there ")


async def test_a_server_that_says_nothing_of_http_fails_the_probe() -> None:
    serve, _ = answering(b"hello\r\n")
    async with serving(serve) as port:
        assert await check({"httpGet": {"port": port}}) == (
            f'Get "http://127.0.0.1:{port}/": malformed HTTP response'
        )


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ({"tcpSocket": {"port": 1}}, "dial tcp 127.0.0.1:1: connect: connection refused"),
        (
            {"httpGet": {"port": "web"}},
            'Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused',
        ),
        ({"tcpSocket": {"port": "none"}}, 'couldn\'t find port: "none"'),
        ({"exec": {"command": ["sh", "-c", "echo no; exit 1"]}}, "no\n"),
        ({"exec": {"command": ["true"]}}, ""),
        ({"exec": {"command": ["sh", "-c", "sleep 0.2 & exit 0"]}}, ""),
        ({"sleep": {"seconds": 0}}, ""),
        ({}, ""),
    ],
)
async def test_other_checks(action: Object, told: str) -> None:
    assert await check(action) == told


async def test_a_command_that_takes_too_long_fails() -> None:
    told = await check({"exec": {"command": ["sleep", "9"]}}, seconds=0.05)
    assert told == 'command timed out: "sleep 9" timed out after 0.05s'


@pytest.mark.parametrize(
    ("status", "told"), [(1, ""), (2, 'service unhealthy (responded with "NOT_SERVING")')]
)
async def test_grpc_servers_are_asked_for_their_health(status: int, told: str) -> None:
    def frame(kind: int, flags: int, body: bytes) -> bytes:
        return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, 1) + body

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(24)
        message = bytes([8, status])
        writer.write(frame(0, 0, b"\0" + struct.pack(">I", len(message)) + message) + frame(1, 5, b""))
        await writer.drain()
        while await reader.read(65536):
            pass

    async with serving(serve) as port:
        assert await check({"grpc": {"port": port}}) == told


async def test_a_server_without_grpc_fails_the_probe() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)

    async with serving(serve) as port:
        told = await check({"grpc": {"port": port}})
    assert "this server does not implement the grpc health protocol" in told
