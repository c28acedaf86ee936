"""The sessions of the space: found again after a restart, made for new projects, ended."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping

from alcove import aio, errors
from alcove.app.hub.runner import Kit, SessionRunner
from alcove.kube import resources
from alcove.kube.client import Selection
from alcove.kube.errors import KubeError
from alcove.sessions import calls, ids
from alcove.sessions.objects import SESSION_LABEL, Session
from alcove.sessions.settings import UpSettings
from alcove.sync.errors import SyncError

_RESTART_PAUSE = 1.0
_log = logging.getLogger(__name__)


class Projects:
    """One runner for each session."""

    def __init__(self, kit: Kit, tasks: aio.Background) -> None:
        """Run sessions in ``tasks``."""
        self._kit = kit
        self._tasks = tasks
        self._runners: dict[str, SessionRunner] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._making = asyncio.Lock()

    @property
    def runners(self) -> Mapping[str, SessionRunner]:
        """The sessions, by their ids."""
        return self._runners

    async def load(self) -> None:
        """Go on with every session that there is."""
        for session in await self._kit.records.load():
            self._start(session)

    async def open(self, settings: UpSettings) -> SessionRunner:
        """Give the session of a project; make it if there is none."""
        async with self._making:
            for runner in self._runners.values():
                if runner.state.session.settings.project.id == settings.project.id:
                    return runner
            chance = secrets.token_hex(ids.RANDOM_DIGITS // 2)
            session = Session(ids.new_session_id(self._kit.namespace, chance), settings)
            await self._kit.records.save(session)
            return self._start(session)

    def find(self, name: str) -> SessionRunner:
        """Give a session by its id, the beginning of it, or its project.

        Raises:
            ConflictError: there is none, or more than one.
        """
        exact = self._runners.get(name)
        found = [exact] if exact else [one for one in self._runners.values() if _is_called(one, name)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(sorted({one.state.session.settings.project.name for one in self._runners.values()}))
        if found:
            raise errors.ConflictError(
                f"more than one session is called {name!r}", hint="name it by its id: alcove list-up"
            )
        raise errors.ConflictError(
            f"there is no session {name!r} in the space {self._kit.namespace!r}",
            hint=f"there are: {known}" if known else "alcove up starts one",
        )

    async def remove(self, runner: SessionRunner) -> tuple[str, ...]:
        """End a session and uninstall what it installed; give what was removed."""
        session = runner.state.session
        removed = []
        if session.status.release and await self._kit.deployer.remove(session.status.release):
            removed.append(f"release {session.status.release}")
        await self._kit.records.remove(session)
        removed.append(f"session {session.id}")
        task = self._running.pop(session.id, None)
        self._runners.pop(session.id, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        self.collect()
        return tuple(removed)

    def collect(self) -> None:
        """Drop what no session needs any more."""
        statuses = [one.state.session.status for one in self._runners.values()]
        keep = {name for status in statuses for name in (status.built, status.manifest) if name}
        try:
            self._kit.book.collect(keep)
        except SyncError as error:
            _log.warning("nothing was cleaned up: %s", error)

    async def views(self) -> tuple[calls.SessionView, ...]:
        """Give the sessions as lists show them."""
        found = await self._kit.client.list(
            resources.PODS, Selection(self._kit.namespace, labels=SESSION_LABEL)
        )
        pods: dict[str, list[str]] = {}
        for pod in found.items:
            pods.setdefault(pod["metadata"]["labels"][SESSION_LABEL], []).append(pod["metadata"]["name"])
        return tuple(
            runner.state.session.view(tuple(sorted(pods.get(name, ()))))
            for name, runner in sorted(self._runners.items())
        )

    def _start(self, session: Session) -> SessionRunner:
        runner = SessionRunner(self._kit, session)
        self._runners[session.id] = runner
        self._running[session.id] = self._tasks.start(_keep(runner), name=session.id)
        return runner


async def _keep(runner: SessionRunner) -> None:
    """Run a session through errors of the cluster; what is wrong in the code ends the hub, to start anew."""
    while True:
        try:
            await runner.run()
        except* KubeError as group:
            for error in group.exceptions:
                _log.warning("session %s: %s", runner.id, error)
        await asyncio.sleep(_RESTART_PAUSE)


def _is_called(runner: SessionRunner, name: str) -> bool:
    project = runner.state.session.settings.project
    return name in (project.name, project.id) or (len(name) > 1 and runner.id.startswith(name))
