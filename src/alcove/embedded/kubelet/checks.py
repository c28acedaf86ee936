"""Probes and lifecycle hooks carried out: a command, an HTTP request, a connection, a gRPC call, a pause."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import os
import signal
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from alcove import aio
from alcove.embedded.kubelet import grpc_health, pipes
from alcove.embedded.objects import Object
from alcove.embedded.ports import (
    NODE_NETNS,
    ExitStatus,
    Launcher,
    PodNetwork,
    Process,
    ProcessSpec,
    StartError,
)

_LONGEST_OUTPUT = 10 * 1024
_MOST_HEADERS = 200
_MOST_REDIRECTS = 10
FOR_EVER = 1e9
"""Seconds, for a hook that has no limit of its own."""


class CheckFailedError(Exception):
    """It did not succeed; the message is what the probe's event says."""


@dataclass(frozen=True, slots=True)
class Target:
    """The container that is looked at."""

    container: Object
    container_id: str
    address: str
    process: ProcessSpec


@dataclass(frozen=True, slots=True)
class Checks:
    """Carries out the actions of probes and hooks."""

    launcher: Launcher
    network: PodNetwork

    async def run(self, action: Object, target: Target, seconds: float) -> None:
        """Do what a probe or a lifecycle handler says.

        Raises:
            CheckFailedError: it failed, or was not done within ``seconds``.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._run(action, target, seconds)
        except TimeoutError:
            raise CheckFailedError(_timeout_text(action, target, seconds)) from None

    async def _run(self, action: Object, target: Target, seconds: float) -> None:
        if command := action.get("exec"):
            await self._execute(tuple(command.get("command") or ()), target)
        elif request := action.get("httpGet"):
            await self._get(_url_of(request, target), request, seconds)
        elif place := action.get("tcpSocket"):
            host, port = place.get("host") or target.address, _port(place["port"], target)
            await self._connect(host, port, seconds)
        elif call := action.get("grpc"):
            await self._ask_health(target.address, call, seconds)
        elif pause := action.get("sleep"):
            await asyncio.sleep(pause["seconds"])

    async def _execute(self, command: tuple[str, ...], target: Target) -> None:
        process_spec = dataclasses.replace(target.process, argv=command, tty=False)
        read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            try:
                # Programs do not expect a pipe that does not block.
                os.set_blocking(write, True)
                process = await self.launcher.start_beside(
                    target.container_id, process_spec, stdin=None, stdout=write, stderr=write
                )
            finally:
                os.close(write)
            output, status = await _outcome(process, read)
        except StartError as error:
            raise CheckFailedError(str(error)) from error
        finally:
            os.close(read)
        if status.code:
            raise CheckFailedError(output or status.message)

    async def _connect(self, host: str, port: int, seconds: float) -> None:
        try:
            async with self.network.open_connection(NODE_NETNS, host, port, seconds=seconds):
                pass
        except TimeoutError:
            raise CheckFailedError(f"dial tcp {host}:{port}: i/o timeout") from None
        except OSError as error:
            raise CheckFailedError(_dial_text(host, port, error)) from error

    async def _get(self, url: str, request: Object, seconds: float) -> None:
        first = urlsplit(url).hostname
        for _ in range(_MOST_REDIRECTS):
            try:
                code, location = await self._request(url, request, seconds)
            except (OSError, ValueError, asyncio.IncompleteReadError) as error:
                if isinstance(error, TimeoutError):
                    raise
                parts = urlsplit(url)
                text = _dial_text(parts.hostname or "", parts.port or 0, error)
                raise CheckFailedError(f'Get "{url}": {text}') from error
            if code in (301, 302, 303, 307, 308) and location:
                url = urljoin(url, location)
                if urlsplit(url).hostname == first:
                    continue
            if not 200 <= code < 400:
                raise CheckFailedError(f"HTTP probe failed with statuscode: {code}")
            return
        raise CheckFailedError(f'Get "{url}": stopped after 10 redirects')

    async def _request(self, url: str, request: Object, seconds: float) -> tuple[int, str]:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": parts.netloc, "User-Agent": "kube-probe/1.36", "Accept": "*/*"}
        for item in request.get("httpHeaders") or ():
            name = next((known for known in headers if known.lower() == item["name"].lower()), item["name"])
            headers[name] = item.get("value", "")
        lines = [f"GET {path} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items()), "Connection: close"]
        host = parts.hostname or ""
        async with self.network.open_connection(NODE_NETNS, host, port, seconds=seconds) as (reader, writer):
            if parts.scheme == "https":
                await writer.start_tls(_unverified())
            writer.write("\r\n".join([*lines, "", ""]).encode())
            await writer.drain()
            return await _read_head(reader)

    async def _ask_health(self, address: str, call: Object, seconds: float) -> None:
        where = f"{address}:{call['port']}"
        answer = grpc_health.HealthAnswer()
        try:
            connection = self.network.open_connection(NODE_NETNS, address, call["port"], seconds=seconds)
            async with connection as (reader, writer):
                writer.write(grpc_health.request(where, call.get("service") or ""))
                while not answer.done and (content := await reader.read(65536)):
                    writer.write(answer.feed(content))
                    await writer.drain()
        except TimeoutError:
            raise
        except OSError as error:
            raise CheckFailedError(_dial_text(address, call["port"], error)) from error
        if answer.status is None:
            told = "this server does not implement the grpc health protocol (grpc.health.v1.Health)"
            raise CheckFailedError(f"error: {told}")
        if answer.status != "SERVING":
            raise CheckFailedError(f'service unhealthy (responded with "{answer.status}")')


async def _outcome(process: Process, descriptor: int) -> tuple[str, ExitStatus]:
    """Give what the process said and how it ended; what it left running may keep its pipe open."""
    said = bytearray()
    try:
        async with aio.open_background(name="exec probe") as background:
            background.start(_collect(descriptor, said), name="output")
            status = await process.wait()
    except BaseException:
        process.kill(signal.SIGKILL)
        raise
    with contextlib.suppress(BlockingIOError):
        said += os.read(descriptor, _LONGEST_OUTPUT)
    return said[:_LONGEST_OUTPUT].decode(errors="replace"), status


async def _collect(descriptor: int, said: bytearray) -> None:
    while piece := await pipes.read_piece(descriptor):
        said += piece[: max(0, _LONGEST_OUTPUT - len(said))]


async def _read_head(reader: Any) -> tuple[int, str]:
    start = (await reader.readline()).split(None, 2)
    if len(start) < 2 or not start[0].startswith(b"HTTP/") or not start[1].isdigit():
        raise ValueError("EOF" if not start else "malformed HTTP response")
    location = ""
    for _ in range(_MOST_HEADERS):
        name, _, value = (await reader.readline()).decode("latin-1").partition(":")
        if not name.strip():
            break
        if name.lower() == "location":
            location = value.strip()
    return int(start[1]), location


@functools.cache
def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _port(port: int | str, target: Target) -> int:
    if isinstance(port, int):
        return port
    for item in target.container.get("ports") or ():
        if item.get("name") == port:
            return int(item["containerPort"])
    if port.isdecimal():
        return int(port)
    raise CheckFailedError(f'couldn\'t find port: "{port}"')


def _url_of(request: Object, target: Target) -> str:
    scheme = (request.get("scheme") or "HTTP").lower()
    host = request.get("host") or target.address
    path = request.get("path") or "/"
    return f"{scheme}://{host}:{_port(request['port'], target)}/{path.removeprefix('/')}"


def _dial_text(host: str, port: int, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return f"dial tcp {host}:{port}: connect: {os.strerror(error.errno).lower()}"
    return str(error) or "EOF"


def _timeout_text(action: Object, target: Target, seconds: float) -> str:
    if command := action.get("exec"):
        return f'command timed out: "{" ".join(command.get("command") or ())}" timed out after {seconds:g}s'
    if request := action.get("httpGet"):
        return (
            f'Get "{_url_of(request, target)}": context deadline exceeded '
            "(Client.Timeout exceeded while awaiting headers)"
        )
    if call := action.get("grpc"):
        where = f"{target.address}:{call['port']}"
        return f'timeout: failed to connect service "{where}" within {seconds:g}s: context deadline exceeded'
    return "i/o timeout"
