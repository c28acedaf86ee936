"""The sessions of the space: found again after a restart, made for new projects, ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Iterator, Mapping

from alcove import aio, errors
from alcove.app.hub.kit import Kit
from alcove.app.hub.runner import SessionRunner
from alcove.app.hub.session import LiveSession
from alcove.errors import AlcoveError
from alcove.kube import resources
from alcove.kube.client import Selection
from alcove.kube.errors import KubeError
from alcove.sessions import calls, ids
from alcove.sessions.objects import SESSION_LABEL, Session
from alcove.sessions.settings import UpSettings
from alcove.sync.errors import SyncError

GONE = "the service was removed from the space"
_RESTART_PAUSE = 1.0
_log = logging.getLogger(__name__)


class Projects:
    """The sessions that live; each has a runner."""

    def __init__(self, kit: Kit, tasks: aio.Background) -> None:
        """Run sessions in ``tasks``."""
        self._kit = kit
        self._tasks = tasks
        self._sessions: dict[str, LiveSession] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._making = asyncio.Lock()
        self._receiving = 0
        self._collecting = asyncio.Lock()

    @property
    def sessions(self) -> Mapping[str, LiveSession]:
        """The sessions, by their ids."""
        return self._sessions

    async def load(self) -> None:
        """Go on with every session that there is."""
        for session in await self._kit.records.load():
            self._start(session)

    async def open(self, settings: UpSettings) -> LiveSession:
        """Give the session of a project; make it if there is none."""
        async with self._making:
            for live in self._sessions.values():
                if live.state.session.settings.project.id == settings.project.id:
                    return live
            chance = secrets.token_hex(ids.RANDOM_DIGITS // 2)
            session = Session(ids.new_session_id(self._kit.namespace, chance), settings)
            await self._kit.records.save(session)
            return self._start(session)

    def find(self, name: str) -> LiveSession:
        """Give a session by its id, the beginning of it, or its project.

        Raises:
            ConflictError: there is none, or more than one.
        """
        exact = self._sessions.get(name)
        found = [exact] if exact else [one for one in self._sessions.values() if _is_called(one, name)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(
            sorted({one.state.session.settings.project.name for one in self._sessions.values()})
        )
        if found:
            raise errors.ConflictError(
                f"more than one session is called {name!r}", hint="name it by its id: alcove list-up"
            )
        raise errors.ConflictError(
            f"there is no session {name!r} in the space {self._kit.namespace!r}",
            hint=f"there are: {known}" if known else "alcove up starts one",
        )

    async def remove(self, live: LiveSession) -> tuple[str, ...]:
        """End a session and uninstall what it installed; give what was removed.

        Raises:
            AlcoveError: it could not be uninstalled; the session goes on.
        """
        session = live.state.session
        await self._stop(live.id)
        try:
            releases = await self._kit.deployer.remove(session.settings.project.id)
            await self._kit.records.remove(session)
        except AlcoveError:
            self._run(live)
            raise
        self._sessions.pop(session.id, None)
        live.tell(calls.Problem(GONE, hint="alcove up starts it anew", final=True))
        await self._collect_aside()
        return (*(f"release {name}" for name in releases), f"session {session.id}")

    @contextlib.contextmanager
    def receiving(self) -> Iterator[None]:
        """Keep contents from being dropped while a tree that needs them is on its way."""
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1

    async def quiet(self) -> None:
        """Return when nothing is being dropped; nothing is begun to be before the next ``await``."""
        async with self._collecting:
            return

    def collect(self) -> None:
        """Drop what no session needs any more, unless something is on its way."""
        if self._receiving or self._collecting.locked():
            return
        try:
            self._kit.book.collect(self._needed())
        except SyncError as error:
            _log.warning("nothing was cleaned up: %s", error)

    async def _collect_aside(self) -> None:
        """Do the same while all but pushes go on: a large project has fifty thousand contents to drop."""
        async with self._collecting:
            if self._receiving:
                return
            try:
                kept = self._kit.book.forget(self._needed())
                await asyncio.to_thread(self._kit.book.store.collect, kept)
            except SyncError as error:
                _log.warning("nothing was cleaned up: %s", error)

    def _needed(self) -> set[str]:
        """Give the ids of the trees that sessions are, or were built from."""
        statuses = [one.state.session.status for one in self._sessions.values()]
        keep = {name for status in statuses for name in (status.built, status.manifest) if name}
        return keep | {one.wanted.manifest.id for one in self._sessions.values() if one.wanted}

    async def views(self) -> tuple[calls.SessionView, ...]:
        """Give the sessions as lists show them."""
        found = await self._kit.client.list(
            resources.PODS, Selection(self._kit.namespace, labels=SESSION_LABEL)
        )
        pods: dict[str, list[str]] = {}
        for pod in found.items:
            pods.setdefault(pod["metadata"]["labels"][SESSION_LABEL], []).append(pod["metadata"]["name"])
        return tuple(
            live.state.session.view(tuple(sorted(pods.get(name, ()))))
            for name, live in sorted(self._sessions.items())
        )

    def _start(self, session: Session) -> LiveSession:
        live = LiveSession(self._kit, session)
        self._sessions[session.id] = live
        self._run(live)
        return live

    def _run(self, live: LiveSession) -> None:
        self._running[live.id] = self._tasks.start(_keep(live), name=live.id)

    async def _stop(self, session_id: str) -> None:
        task = self._running.pop(session_id, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})


async def _keep(live: LiveSession) -> None:
    """Run a session through errors of the cluster; what is wrong in the code ends the hub, to start anew."""
    while True:
        try:
            await SessionRunner(live).run()
        except* KubeError as group:
            for error in group.exceptions:
                _log.warning("session %s: %s", live.id, error)
        await asyncio.sleep(_RESTART_PAUSE)


def _is_called(live: LiveSession, name: str) -> bool:
    project = live.state.session.settings.project
    return name in (project.name, project.id) or (len(name) > 1 and live.id.startswith(name))
