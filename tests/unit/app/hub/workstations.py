"""A hub that listens, and calls to it as workstations make them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

from tests.unit.app.hub.trees import SOURCES, tree_of
from tests.unit.app.hub.worlds import PATIENCE, Space

from alcove import aio
from alcove.app.hub.projects import Projects
from alcove.app.hub.serving import HubServer
from alcove.sessions import calls
from alcove.sessions.wire import Wire
from alcove.sync.encoding import encode_manifest
from alcove.sync.uploading import Blob, pack

T = TypeVar("T", bound=calls.Told)


class Socket:
    """A stream over a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        return await self._reader.read(1 << 16)

    async def write(self, content: bytes) -> None:
        self._writer.write(content)
        await self._writer.drain()


class Call:
    """One call to a hub."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.wire = Wire(Socket(reader, writer), peer="the hub")
        self._writer = writer
        self.heard: list[calls.Told] = []

    async def until(self, kind: type[T], /, **fields: object) -> T:
        """Give the next thing of a kind whose fields are so."""
        async with asyncio.timeout(PATIENCE):
            while True:
                told = await self.wire.receive(calls.TOLD)
                self.heard.append(told)
                if isinstance(told, kind) and all(getattr(told, key) == one for key, one in fields.items()):
                    return told

    async def push(self, files: dict[str, bytes] | None = None) -> calls.Committed:
        """Push a whole tree with its contents."""
        contents = SOURCES if files is None else files
        tree = tree_of(contents)
        await self.wire.send(calls.Push(tree.id))
        await self.wire.send_bytes([encode_manifest(tree)])
        while True:
            told = await self.wire.receive(calls.TOLD)
            self.heard.append(told)
            if isinstance(told, calls.Committed):
                return told
            if isinstance(told, calls.Wanted):
                row = await self.wire.receive_all(1 << 20)
                wanted = {row[at : at + 32].hex() for at in range(0, len(row), 32)}
                by_digest = {
                    entry.digest: contents[path]
                    for path, entry in tree.entries.items()
                    if path in contents and hasattr(entry, "digest")
                }
                blobs = [Blob(one, len(by_digest[one]), [by_digest[one]]) for one in sorted(wanted)]
                await self.wire.send_bytes(pack(blobs))

    async def send(self, content: bytes) -> None:
        """Send bytes that may be no frames."""
        self._writer.write(content)
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        self._writer.transport.abort()


class Hub:
    """A hub that listens at a port."""

    def __init__(self, space: Space, projects: Projects, port: int) -> None:
        self.space = space
        self.projects = projects
        self.port = port

    @contextlib.asynccontextmanager
    async def call(self, request: calls.Request) -> AsyncIterator[Call]:
        call = Call(*await asyncio.open_connection("127.0.0.1", self.port))
        try:
            await call.wire.send(request)
            yield call
        finally:
            call.close()

    async def ask(self, request: calls.Request) -> calls.Told:
        async with self.call(request) as call, asyncio.timeout(PATIENCE):
            return await call.wire.receive(calls.TOLD)


@contextlib.asynccontextmanager
async def serving(space: Space) -> AsyncIterator[Hub]:
    """Serve a space's hub."""
    kit = await space.begin()
    async with aio.open_background(name="hub") as tasks:
        projects = Projects(kit, tasks)
        async with HubServer(kit, projects, persistent=True).serve(0) as port:
            yield Hub(space, projects, port)
