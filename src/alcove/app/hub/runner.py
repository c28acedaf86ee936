"""One session: what is to be done next, and the tasks that do it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Coroutine, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from alcove import aio
from alcove.app.hub import images, planning, pods
from alcove.app.hub.agents import AgentWorker, Instance
from alcove.app.hub.announcing import Announcer
from alcove.app.hub.deploying import Deployer
from alcove.app.hub.handover import give_image
from alcove.app.hub.images import Builders, BuildRun
from alcove.app.hub.manifests import ManifestBook
from alcove.app.hub.planning import Attempt, Wanted
from alcove.app.hub.pods import PodView
from alcove.app.hub.records import Records
from alcove.app.hub.starting import watch_start
from alcove.builds.requests import Failed
from alcove.errors import AlcoveError
from alcove.kube import resources
from alcove.kube.client import KubeClient, Selection
from alcove.kube.errors import KubeError
from alcove.sessions import calls
from alcove.sessions.ids import SessionId, Tag
from alcove.sessions.objects import SESSION_LABEL, Session
from alcove.sessions.settings import UpSettings
from alcove.sync.manifest import Manifest

Work = Callable[[], Coroutine[Any, Any, None]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kit:
    """What sessions work with."""

    namespace: str
    client: KubeClient
    book: ManifestBook
    records: Records
    deployer: Deployer
    builders: Builders
    clock: Callable[[], float]
    """Monotonic seconds."""
    wall: Callable[[], float]
    """Unix seconds."""


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


class SessionRunner:
    """Runs one session until it is cancelled; tasks meet in its state."""

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
        session = self.state.session
        if session.settings != settings:
            session = msgspec.structs.replace(session, settings=settings)
            await self.kit.records.save(session)
            self.state.session = session
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
        self.tell(calls.PhaseEnded(name, self.kit.clock() - began, end.failed))

    # ------------------------------------------------------------------------------ the tasks

    async def run(self) -> None:
        """Work until cancelled."""
        async with aio.open_background(name=f"session {self.id}") as tasks:
            tasks.start(self._follow_pods(), name="pods")
            tasks.start(self._deploy(), name="deploy")
            tasks.start(watch_start(self), name="start")
            attended = Attended(tasks)
            while True:
                version = self.version
                attended.keep(dict(self._works()))
                await self.changed(version)

    def _works(self) -> Iterator[tuple[Hashable, Work]]:
        """Give what is to be attended to now, each with a key of its own."""
        failed = self.state.attempt is None or self.state.attempt.failed
        for pod in self.current:
            if not pod.waits or not pod.node:
                continue
            yield ("image", pod.uid), functools.partial(give_image, self, pod)
            for image in () if failed else pod.images:
                yield ("build", pod.node, image), functools.partial(self._build, pod, image)
        for pod in self.state.pods.values():
            for container in pod.containers if not pod.ending else ():
                if container.running:
                    key = ("agent", pod.uid, container.name, container.started)
                    instance = Instance(self.kit.namespace, self.id, pod, container)
                    yield key, functools.partial(self._attend, instance)

    async def _attend(self, instance: Instance) -> None:
        kit = self.kit
        worker = AgentWorker(
            kit.client, kit.book, instance, self, tell=self.tell, settled=self.wake, clock=kit.clock
        )
        self.workers[instance.name] = worker
        try:
            await worker.run()
        finally:
            if self.workers.get(instance.name) is worker:
                del self.workers[instance.name]

    async def _follow_pods(self) -> None:
        selection = Selection(self.kit.namespace, labels=f"{SESSION_LABEL}={self.id}")
        found: dict[str, PodView] = {}
        synced = False
        async with contextlib.aclosing(self.kit.client.watch(resources.PODS, selection)) as events:
            async for event in events:
                if event.type == "SYNCED":
                    synced = True
                elif event.type == "DELETED":
                    found.pop(event.object["metadata"]["uid"], None)
                else:
                    view = pods.view_pod(event.object)
                    found[view.uid] = view
                if synced and found != self.state.pods:
                    self.state.pods = dict(found)
                    self.wake()

    # ------------------------------------------------------------------------------ deploying

    async def _deploy(self) -> None:
        judged: object = None
        while True:
            version, wanted = self.version, self.state.wanted
            question = (wanted, self.state.attempt)
            if wanted is not None and question != judged:
                if planning.needs_deployment(self.state.attempt, wanted, self.kit.book.read):
                    await self._deploy_once(wanted)
                    continue
                judged = question
            await self.changed(version)

    async def _deploy_once(self, wanted: Wanted) -> None:
        build = self.build + 1
        tag = str(Tag(SessionId(self.id), build))
        key = planning.deployment_key(wanted.settings)
        self.state.attempt = Attempt(build, wanted.manifest.id, key)
        self.state.builds.clear()
        await self.report(phase="Installing", build=build, tag=tag, built=wanted.manifest.id, message="")
        try:
            with self.phase("install"):
                deployed = await self.kit.deployer.deploy(
                    wanted.settings, wanted.manifest, tag, lambda text: self.tell(calls.Line("helm", text))
                )
        except AlcoveError as error:
            await self.fail(error.message, error.cause, error.hint)
            return
        self.state.workloads = deployed.workloads
        for notice in deployed.notices:
            self.tell(calls.Notice(notice))
        await self.report(
            phase="Building", release=deployed.release, ports=deployed.ports, hosts=deployed.hosts
        )
        self.wake()

    async def _build(self, pod: PodView, image: str) -> None:
        """Make an image on a pod's node; every pod that waits there reads of it in ``builds``."""
        wanted, attempt = self.state.wanted, self.state.attempt
        manifest = self.kit.book.read(attempt.manifest) if attempt else None
        if wanted is None or manifest is None:
            return
        run = self.state.builds.setdefault((pod.node, image), BuildRun())
        if run.result is not None:
            return
        run.tell = lambda text: self.tell(calls.Line("build", text))
        with self.phase("build") as end:
            order = await images.make_order(self.kit, pod, image, wanted.settings, manifest)
            try:
                await images.build_image(self.kit.builders, pod.node, order, run)
            except AlcoveError as error:
                run.end(Failed(error.message, hint=error.hint))
            result = await run.wait()
            end.failed = isinstance(result, Failed)
        if isinstance(result, Failed):
            await self.fail("the image could not be built", images.told(result), result.hint)

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


class Attended:
    """Tasks by key: what is no longer to be done is ended, what is new begun."""

    def __init__(self, tasks: aio.Background) -> None:
        """Run them in ``tasks``."""
        self._group = tasks
        self._running: dict[Hashable, asyncio.Task[Any]] = {}

    def keep(self, works: Mapping[Hashable, Work]) -> None:
        """Make what runs what is in ``works``; what has ended by itself is not begun again."""
        for key in self._running.keys() - works.keys():
            self._running.pop(key).cancel()
        for key, work in works.items():
            if key not in self._running:
                self._running[key] = self._group.start(work(), name=str(key))
