"""One session as it is now: what its tasks share, how they tell each other and people of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from alcove.app.hub import planning, pods
from alcove.app.hub.agents import AgentWorker
from alcove.app.hub.announcing import Announcer
from alcove.app.hub.images import BuildRun
from alcove.app.hub.kit import Kit
from alcove.app.hub.planning import Attempt, Wanted
from alcove.app.hub.pods import PodView
from alcove.kube.errors import KubeError
from alcove.sessions import calls
from alcove.sessions.objects import Session
from alcove.sessions.settings import UpSettings
from alcove.sync.manifest import Manifest

_log = logging.getLogger(__name__)


@dataclass
class State:
    """What is known of a session; its tasks read it and are told when it changes."""

    session: Session
    wanted: Wanted | None = None
    attempt: Attempt | None = None
    pods: Mapping[str, PodView] = field(default_factory=dict)
    builds: dict[tuple[str, str], BuildRun] = field(default_factory=dict)
    """By node and image."""
    workloads: tuple[str, ...] = ()
    """The names of what makes the session's pods."""


class LiveSession:
    """One session; its tasks read it, change it, and wait for changes."""

    def __init__(self, kit: Kit, session: Session) -> None:
        """Go on with ``session`` as it was left."""
        self.kit = kit
        self.state = State(session)
        self.announcer = Announcer()
        self.workers: dict[str, AgentWorker] = {}
        """By instance, while its container runs."""
        self.version = 0
        self._changed = asyncio.Event()
        self._writing = asyncio.Lock()
        self._restore()

    # ------------------------------------------------------------------------------ for its tasks and others

    @property
    def id(self) -> str:
        """The session's id."""
        return self.state.session.id

    @property
    def wanted(self) -> Wanted | None:
        """What is to run; None while nothing was synchronized."""
        return self.state.wanted

    @property
    def build(self) -> int:
        """The number of the build whose pods are kept up to date."""
        return self.state.session.status.build

    @property
    def current(self) -> list[PodView]:
        """The pods of the newest build, by name."""
        return list(pods.current(self.state.pods.values(), self.build))

    @property
    def serving(self) -> list[PodView]:
        """The pods that are not on their way out, of whichever build, the newest first."""
        found = [pod for pod in self.state.pods.values() if not pod.ending]
        return sorted(found, key=lambda pod: (-pod.build, pod.name))

    def built_from(self, build: int) -> Manifest | None:
        """Give what the image of a build was made from; only the newest is remembered."""
        status = self.state.session.status
        return self.kit.book.read(status.built) if build == status.build and status.built else None

    def instances(self) -> int:
        """Tell how many pods the build has."""
        return len(self.current)

    async def changed(self, since: int) -> None:
        """Return when the version is no longer ``since``."""
        while self.version == since:
            await self._changed.wait()

    def tell(self, told: calls.Told) -> None:
        """Tell everybody who follows."""
        self.announcer.tell(told)

    async def want(
        self, settings: UpSettings, manifest: Manifest, *, begins: bool = False, **synchronization: object
    ) -> None:
        """Take over what the user wants from now on; ``begins`` when somebody waits to hear how it goes."""
        if self.state.session.settings != settings:
            self.state.session = msgspec.structs.replace(self.state.session, settings=settings)
            await self._save()
        self.state.wanted = Wanted(settings, manifest)
        phase = self._begin_anew(self.state.wanted) if begins else ""
        self.wake()
        await self.report(manifest=manifest.id, **synchronization, **({"phase": phase} if phase else {}))

    def _begin_anew(self, wanted: Wanted) -> str:
        """Forget how it went before; give the phase when nothing has to be installed."""
        self.announcer.reset()
        attempt = self.state.attempt
        if attempt is not None and attempt.failed:
            self.state.attempt = None
        if planning.needs_deployment(self.state.attempt, wanted, self.kit.book.read):
            return ""
        return "Starting" if self.state.session.status.phase == "Running" else ""

    async def _save(self) -> None:
        try:
            await self.kit.records.save(self.state.session)
        except KubeError as error:
            _log.warning("the settings of %s were not written: %s", self.id, error)

    async def report(self, **changes: object) -> None:
        """Change the session's status, and write it; an API that does not answer does not stop the work."""
        before = self.state.session
        status = self.kit.records.stamped(before.status, changes)
        self.state.session = msgspec.structs.replace(before, status=status)
        async with self._writing:
            try:
                # Whoever waited for the lock writes what is true by now.
                await self.kit.records.report(self.state.session)
            except KubeError as error:
                _log.warning("the status of %s was not written: %s", self.id, error)

    async def fail(self, message: str, cause: str = "", hint: str = "") -> None:
        """Say that the last attempt failed; what served before goes on, and the next save tries again."""
        if self.state.attempt is not None:
            self.state.attempt = replace(self.state.attempt, failed=True)
        await self.report(phase="Failed", message=message)
        self.tell(calls.Problem(message, cause, hint))
        self.wake()

    def wake(self) -> None:
        """Let every task look at the state again."""
        self.version += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[PhaseEnd]:
        """Tell of a phase; it failed when the block says so, or raises. One that is given up has no end."""
        began, end = self.kit.clock(), PhaseEnd()
        self.tell(calls.PhaseBegan(name))
        try:
            yield end
        except Exception:
            self.tell(calls.PhaseEnded(name, self.kit.clock() - began, failed=True))
            raise
        except BaseException:
            self.announcer.forget(name)
            raise
        self.tell(calls.PhaseEnded(name, self.kit.clock() - began, end.failed))

    # ------------------------------------------------------------------------------ restarts of the hub

    def _restore(self) -> None:
        """Go on where the last hub was, as far as the store still knows it."""
        session = self.state.session
        status = session.status
        if status.build:
            interrupted = status.phase == "Installing"
            key = "" if interrupted else planning.deployment_key(session.settings)
            self.state.attempt = Attempt(status.build, status.built, key, status.phase == "Failed")
        manifest = self.kit.book.read(status.manifest) if status.manifest else None
        if manifest is not None and not self.kit.book.store.missing(manifest.digests):
            self.state.wanted = Wanted(session.settings, manifest)


@dataclass
class PhaseEnd:
    """How a phase ends."""

    failed: bool = False
