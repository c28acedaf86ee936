"""Connections of workstations: each is one call, answered or followed to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator

from alcove import __version__, aio
from alcove.app.hub import streams
from alcove.app.hub.conversing import UpCall, merged, send_while_heard
from alcove.app.hub.kit import Kit
from alcove.app.hub.projects import Projects
from alcove.errors import AlcoveError
from alcove.sessions import calls
from alcove.sessions.wire import LostError, Wire

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
        """Serve one call; whatever is wrong with it ends this call and nothing else."""
        wire = Wire(_SocketStream(reader, writer), peer="the workstation")
        try:
            request = await wire.receive(calls.REQUEST)
            async with aio.open_background(name="call") as tasks:
                tasks.start(wire.beat(), name="beat")
                await self._dispatch(request, wire)
        except Exception as group:  # the one place that keeps a call's errors from the others
            error = aio.innermost(group)
            with contextlib.suppress(LostError):
                await self._tell(wire, error)
        finally:
            writer.close()

    async def _tell(self, wire: Wire, error: BaseException) -> None:
        """Tell the workstation why its call ended, if it is still there."""
        if isinstance(error, LostError):
            return
        if isinstance(error, AlcoveError):
            await wire.send(calls.Problem(error.message, error.cause, error.hint, True, error.exit_code))
            return
        _log.error("a call failed", exc_info=error)
        await wire.send(calls.Problem("the hub failed", str(error), "its log has more", final=True))

    async def _dispatch(self, request: calls.Request, wire: Wire) -> None:
        match request:
            case calls.Hello():
                await wire.send(calls.Greeting(__version__, self._kit.namespace, self._persistent))
            case calls.List():
                await wire.send(calls.Sessions(await self._projects.views()))
            case calls.Up():
                await UpCall(self._kit, self._projects, request, wire).run()
            case calls.Attach(session=name, verbose=verbose):
                session = self._projects.find(name)
                await send_while_heard(merged(session, verbose=verbose), wire)
            case calls.Logs(session=name):
                await send_while_heard(streams.follow_logs(self._projects.find(name), request), wire)
            case calls.Dial(session=name):
                await streams.serve_port(self._projects.find(name), request, wire)
            case calls.Exec(session=name):
                await streams.serve_exec(self._projects.find(name), request, wire)
            case calls.Down(session=name):
                removed = await self._projects.remove(self._projects.find(name))
                await wire.send(calls.Removed(removed, len(self._projects.sessions)))


class _SocketStream:
    """A socket's two halves as a stream of calls; that it broke is a LostError."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        with _translated():
            return await self._reader.read(_PIECE)

    async def write(self, content: bytes) -> None:
        with _translated():
            self._writer.write(content)
            await self._writer.drain()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LostError("the workstation went away", cause=error.strerror or str(error)) from error
