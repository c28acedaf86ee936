"""Ports on the workstation that lead to a session's instances."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass

from alcove import aio, errors
from alcove.app.up.calling import HubClient, checked
from alcove.kube.errors import KubeError
from alcove.sessions import calls
from alcove.sessions.frames import Kind
from alcove.sessions.wire import LostError, Wire

_PIECE = 1 << 16
_FIRST_FREE, _FREE_PORTS = 20_000, 10_000
_PRIVILEGED = 1024


@dataclass(frozen=True, slots=True)
class OpenPort:
    """A port that listens on the workstation."""

    local: int
    target: int
    """Of the container."""
    service: str = ""
    name: str = ""
    port: int = 0
    """Of the Service."""

    @property
    def url(self) -> str:
        """Where it is opened, for what speaks HTTP."""
        return f"http://localhost:{self.local}"


def candidates(session: str, target: int) -> tuple[int, ...]:
    """Give the numbers to try for a port: its own, then one that stays the same, then any."""
    digest = hashlib.sha256(f"{session}:{target}".encode()).digest()
    steady = _FIRST_FREE + int.from_bytes(digest[:4], "big") % _FREE_PORTS
    return (target, steady, 0) if target >= _PRIVILEGED else (steady, 0)


class PortKeeper:
    """Listens for one session; what is open stays open while the session changes."""

    def __init__(
        self, hub: HubClient, session: str, tasks: aio.Background, tell: Callable[[str], None]
    ) -> None:
        """Carry connections by calls to ``hub``; ``tell`` hears why one could not be carried."""
        self._hub = hub
        self._session = session
        self._tasks = tasks
        self._tell = tell
        self._open: dict[int, OpenPort] = {}
        self._servers: list[asyncio.Server] = []

    async def open(self, ports: Iterable[calls.Port], chosen: Mapping[int, int]) -> tuple[OpenPort, ...]:
        """Open what is not open yet; ``chosen`` gives the workstation's port by the container's.

        Raises:
            ConflictError: a chosen port is taken.
        """
        for port in ports:
            if port.target not in self._open and port.target:
                local = await self._listen(port.target, chosen)
                self._open[port.target] = OpenPort(local, port.target, port.service, port.name, port.port)
        for target in chosen:
            if target not in self._open:
                self._open[target] = OpenPort(await self._listen(target, chosen), target)
        return tuple(self._open.values())

    def close(self) -> None:
        """Listen no more."""
        for server in self._servers:
            server.close()

    async def _listen(self, target: int, chosen: Mapping[int, int]) -> int:
        wanted = (chosen[target],) if target in chosen else candidates(self._session, target)
        failure: OSError | None = None
        for number in wanted:
            try:
                return await self._start(number, target)
            except OSError as error:
                failure = error
        raise errors.ConflictError(
            f"port {wanted[0]} of this workstation cannot be used",
            cause=(failure.strerror or str(failure)) if failure else "",
            hint=f"choose another: --port OTHER:{target}",
        )

    async def _start(self, number: int, target: int) -> int:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._tasks.start(self._carry(target, reader, writer), name=f"port {target}")

        server = await asyncio.start_server(accept, "127.0.0.1", number)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _carry(self, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._hub.call(calls.Dial(self._session, target)) as wire:
                checked(await wire.receive(calls.TOLD))
                await relay(reader, writer, wire)
        except (errors.AlcoveError, KubeError, OSError) as error:
            self._tell(f"a connection to port {target} ended: {error}")
        finally:
            writer.close()


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire) -> None:
    """Carry bytes both ways until the instance has said all; what is said to it may end before."""
    async with aio.open_background(name="relay") as tasks:
        up = tasks.start(_up(reader, wire), name="up")
        down = tasks.start(_down(wire, writer), name="down")
        await asyncio.wait({down})
        if not up.done():
            up.cancel()


async def _up(reader: asyncio.StreamReader, wire: Wire) -> None:
    with contextlib.suppress(OSError, LostError, KubeError):
        async for piece in _pieces(reader):
            await wire.send_chunk(piece)
        await wire.send_mark()


async def _pieces(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while piece := await reader.read(_PIECE):
        yield piece


async def _down(wire: Wire, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, LostError, KubeError):
        while (frame := await wire.next_frame()) is not None:
            if frame.kind is Kind.MARK:
                return
            writer.write(frame.payload)
            await writer.drain()
