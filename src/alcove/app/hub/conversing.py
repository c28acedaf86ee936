"""The conversation of ``up``: trees come in, what happens goes out, until the workstation goes away."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator
from typing import Any

from alcove import aio
from alcove.app.hub import streams
from alcove.app.hub.kit import Kit
from alcove.app.hub.projects import GONE, Projects
from alcove.app.hub.pushing import receive_push
from alcove.app.hub.session import LiveSession
from alcove.errors import ConflictError
from alcove.sessions import calls
from alcove.sessions.frames import Kind
from alcove.sessions.wire import LostError, Wire
from alcove.sync.errors import StoreFullError, SyncError
from alcove.sync.manifest import Manifest


class UpCall:
    """One workstation that runs a project."""

    def __init__(self, kit: Kit, projects: Projects, call: calls.Up, wire: Wire) -> None:
        """Serve ``call`` over ``wire``."""
        self._kit = kit
        self._projects = projects
        self._call = call
        self._wire = wire
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Serve until the workstation goes; the session lives on.

        Raises:
            LostError: it went in the middle of something.
        """
        session = await self._projects.open(self._call.settings)
        await self._send(self._base(session))
        async with aio.open_background(name=f"up {session.id}") as tasks:
            follows = False
            while (frame := await self._wire.next_frame()) is not None:
                if frame.kind is not Kind.VALUE:
                    continue
                push = self._wire.read_value(frame, calls.PUSHED)
                if not isinstance(push, calls.Push):
                    continue
                answer = await self._take(session, push, begins=not follows)
                await self._send(answer)
                if not follows and isinstance(answer, calls.Committed):
                    follows = True
                    events = merged(session, verbose=self._call.verbose)
                    tasks.start(send_all(events, self._wire, self._sending), name="events")

    def _base(self, session: LiveSession) -> calls.Base:
        named, status = self._call.manifest, session.state.session.status
        tree = self._kit.book.read(named) if named else None
        known = tree is not None and not self._kit.book.store.missing(tree.digests)
        return calls.Base(
            session.id,
            session.wanted.manifest.id if session.wanted else "",
            named if known else "",
            status.synchronization,
            status.synchronized_at,
        )

    async def _take(self, session: LiveSession, push: calls.Push, *, begins: bool) -> calls.Told:
        if self._projects.sessions.get(session.id) is not session:
            raise ConflictError(GONE, hint="alcove up starts it anew")
        store = self._kit.book.store
        before = store.size
        try:
            await self._projects.quiet()
            with self._projects.receiving():
                manifest = await receive_push(self._wire, push, self._kit.book, self._sending)
                return await self._want(session, manifest, begins=begins)
        except StoreFullError as error:
            self._projects.collect()
            # Where more went than had just come, there may be room now.
            return calls.Refused(error.message, error.cause, error.hint, whole=store.size < before)
        except SyncError as error:
            return calls.Refused(error.message, error.cause, error.hint, whole=bool(push.base))

    async def _want(self, session: LiveSession, manifest: Manifest, *, begins: bool) -> calls.Committed:
        synchronization, moment = secrets.token_hex(8), self._kit.wall()
        await session.want(
            self._call.settings,
            manifest,
            begins=begins,
            synchronization=synchronization,
            synchronized_at=moment,
        )
        return calls.Committed(manifest.id, synchronization, moment)

    async def _send(self, told: calls.Told) -> None:
        async with self._sending:
            await self._wire.send(told)


async def merged(session: LiveSession, *, verbose: bool) -> AsyncGenerator[calls.Told, None]:
    """Yield a session's events and, when asked for, what the cluster says of it."""
    with session.announcer.follow() as follower:
        async with aio.open_background(name="cluster events") as tasks:
            if verbose:

                async def relay() -> None:
                    async for line in streams.follow_events(session):
                        session.announcer.tell(line)

                tasks.start(relay(), name="relay")
            while True:
                yield await follower.next()


async def send_while_heard(events: AsyncGenerator[Any, None], wire: Wire) -> None:
    """Send values as they come, until they end or the workstation has gone."""
    async with aio.open_background(name="events") as tasks:
        sending = tasks.start(send_all(events, wire, asyncio.Lock()), name="send")
        leaving = tasks.start(_wait_gone(wire), name="gone")
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)


async def _wait_gone(wire: Wire) -> None:
    with contextlib.suppress(LostError, OSError):
        while await wire.next_frame() is not None:
            pass


async def send_all(events: AsyncGenerator[Any, None], wire: Wire, sending: asyncio.Lock) -> None:
    """Send values as they come, until they end or nobody takes them."""
    async with contextlib.aclosing(events):
        with contextlib.suppress(LostError, OSError):
            async for event in events:
                async with sending:
                    await wire.send(event)
