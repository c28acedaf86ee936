"""Connections of workstations: each is one call, answered or followed to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from alcove import __version__, aio
from alcove.app.hub import streams
from alcove.app.hub.projects import Projects
from alcove.app.hub.pushing import receive_push
from alcove.app.hub.runner import Kit, SessionRunner
from alcove.errors import AlcoveError
from alcove.sessions import calls
from alcove.sessions.frames import Kind
from alcove.sessions.wire import LostError, Wire
from alcove.sync.errors import StoreFullError, SyncError

_PIECE = 1 << 18
_log = logging.getLogger(__name__)


class HubServer:
    """Serves workstations on the pod's loopback."""

    def __init__(self, kit: Kit, projects: Projects, *, persistent: bool) -> None:
        """Serve the sessions of ``projects``."""
        self._kit = kit
        self._projects = projects
        self._persistent = persistent

    @contextlib.asynccontextmanager
    async def serve(self, port: int) -> AsyncIterator[int]:
        """Listen; give the port. Calls end with the block."""
        async with aio.open_background(name="calls") as tasks:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                tasks.start(self._answer(reader, writer), name="call")

            server = await asyncio.start_server(accept, "127.0.0.1", port, limit=_PIECE)
            try:
                yield server.sockets[0].getsockname()[1]
            finally:
                server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(_SocketStream(reader, writer), peer="the workstation")
        try:
            try:
                request = await wire.receive(calls.REQUEST)
                await self._dispatch(request, wire)
            except LostError:
                return
            except AlcoveError as error:
                await wire.send(calls.Problem(error.message, error.cause, error.hint, True, error.exit_code))
        except (LostError, OSError):
            return
        finally:
            writer.close()

    async def _dispatch(self, request: calls.Request, wire: Wire) -> None:
        match request:
            case calls.Hello():
                await wire.send(calls.Greeting(__version__, self._kit.namespace, self._persistent))
            case calls.List():
                await wire.send(calls.Sessions(await self._projects.views()))
            case calls.Up():
                await self._up(request, wire)
            case calls.Attach(session=name, verbose=verbose):
                runner = self._projects.find(name)
                await _send_all(_merged(runner, verbose=verbose), wire, asyncio.Lock())
            case calls.Logs(session=name):
                await _send_all(streams.follow_logs(self._projects.find(name), request), wire, asyncio.Lock())
            case calls.Dial(session=name):
                await streams.serve_port(self._projects.find(name), request, wire)
            case calls.Exec(session=name):
                await streams.serve_exec(self._projects.find(name), request, wire)
            case calls.Down(session=name):
                removed = await self._projects.remove(self._projects.find(name))
                await wire.send(calls.Removed(removed, len(self._projects.runners)))

    async def _up(self, call: calls.Up, wire: Wire) -> None:
        """Take what is pushed, and tell what happens, until the workstation goes."""
        runner = await self._projects.open(call.settings)
        sending = asyncio.Lock()
        status = runner.state.session.status
        known = self._kit.book.read(call.manifest) is not None if call.manifest else False
        async with sending:
            await wire.send(
                calls.Base(
                    runner.id,
                    runner.wanted.manifest.id if runner.wanted else "",
                    call.manifest if known else "",
                    status.synchronization,
                    status.synchronized_at,
                )
            )
        async with aio.open_background(name=f"up {runner.id}") as tasks:
            telling: asyncio.Task[None] | None = None
            while (frame := await wire.next_frame()) is not None:
                if frame.kind is not Kind.VALUE:
                    continue
                push = wire.read_value(frame, calls.PUSHED)
                if not isinstance(push, calls.Push):
                    continue
                committed = await self._take(runner, call, push, wire, sending)
                async with sending:
                    await wire.send(committed)
                if telling is None and isinstance(committed, calls.Committed):
                    events = _merged(runner, verbose=call.verbose)
                    telling = tasks.start(_send_all(events, wire, sending), name="events")

    async def _take(
        self, runner: SessionRunner, call: calls.Up, push: calls.Push, wire: Wire, sending: asyncio.Lock
    ) -> calls.Told:
        try:
            manifest = await receive_push(wire, push, self._kit.book, sending)
        except StoreFullError as error:
            self._projects.collect()
            return calls.Refused(error.message, error.cause, error.hint)
        except SyncError as error:
            return calls.Refused(error.message, error.cause, error.hint, whole=bool(push.base))
        synchronization, moment = secrets.token_hex(8), self._kit.clock()
        await runner.want(call.settings, manifest, synchronization=synchronization, synchronized_at=moment)
        return calls.Committed(manifest.id, synchronization, moment)


async def _merged(runner: SessionRunner, *, verbose: bool) -> AsyncGenerator[calls.Told, None]:
    """Yield a session's events and, when asked for, what the cluster says of it."""
    with runner.announcer.follow() as follower:
        async with aio.open_background(name="cluster events") as tasks:
            if verbose:

                async def relay() -> None:
                    async for line in streams.follow_events(runner):
                        runner.announcer.tell(line)

                tasks.start(relay(), name="relay")
            while True:
                yield await follower.next()


async def _send_all(events: AsyncGenerator[Any, None], wire: Wire, sending: asyncio.Lock) -> None:
    async with contextlib.aclosing(events):
        with contextlib.suppress(LostError, OSError):
            async for event in events:
                async with sending:
                    await wire.send(event)


class _SocketStream:
    """A socket's two halves as a stream of calls."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        return await self._reader.read(_PIECE)

    async def write(self, content: bytes) -> None:
        self._writer.write(content)
        await self._writer.drain()
