"""The tasks of one session: each looks at what is wanted and what there is, and does its part."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Coroutine, Hashable, Iterator, Mapping
from typing import Any

from alcove import aio
from alcove.app.hub import images, planning, pods
from alcove.app.hub.agents import AgentWorker, Instance
from alcove.app.hub.handover import give_image
from alcove.app.hub.images import BuildRun
from alcove.app.hub.planning import Attempt, Wanted
from alcove.app.hub.pods import PodView
from alcove.app.hub.session import LiveSession
from alcove.app.hub.starting import watch_start
from alcove.builds.requests import Failed
from alcove.errors import AlcoveError
from alcove.kube import resources
from alcove.kube.client import Selection
from alcove.sessions import calls
from alcove.sessions.ids import SessionId, Tag
from alcove.sessions.objects import SESSION_LABEL

_UNKNOWN = "what it was to be built from is not known any more"

Work = Callable[[], Coroutine[Any, Any, None]]


class SessionRunner:
    """Runs one session until it is cancelled."""

    def __init__(self, session: LiveSession) -> None:
        """Do what ``session`` needs."""
        self._session = session
        self._kit = session.kit

    async def run(self) -> None:
        """Work until cancelled."""
        async with aio.open_background(name=f"session {self._session.id}") as tasks:
            tasks.start(self._follow_pods(), name="pods")
            tasks.start(self._deploy(), name="deploy")
            tasks.start(watch_start(self._session), name="start")
            attended = Attended(tasks)
            while True:
                version = self._session.version
                attended.keep(dict(self._works()))
                await self._session.changed(version)

    def _works(self) -> Iterator[tuple[Hashable, Work]]:
        """Give what is to be attended to now, each with a key of its own."""
        session = self._session
        attempt = session.state.attempt
        builds = attempt is not None and not attempt.failed and session.wanted is not None
        for pod in session.current:
            if not pod.waits or not pod.node:
                continue
            yield ("image", pod.uid), functools.partial(give_image, session, pod)
            for image in pod.images if builds else ():
                yield ("build", pod.node, image), functools.partial(self._build, pod, image)
        for pod in session.state.pods.values():
            for container in pod.containers if not pod.ending else ():
                if container.running:
                    key = ("agent", pod.uid, container.name, container.started)
                    instance = Instance(self._kit.namespace, session.id, pod, container)
                    yield key, functools.partial(self._attend, instance)

    async def _attend(self, instance: Instance) -> None:
        session = self._session
        worker = AgentWorker(self._kit, instance, session, tell=session.tell, settled=session.wake)
        session.workers[instance.name] = worker
        try:
            await worker.run()
        finally:
            if session.workers.get(instance.name) is worker:
                del session.workers[instance.name]

    async def _follow_pods(self) -> None:
        selection = Selection(self._kit.namespace, labels=f"{SESSION_LABEL}={self._session.id}")
        found: dict[str, PodView] = {}
        synced = False
        async with contextlib.aclosing(self._kit.client.watch(resources.PODS, selection)) as events:
            async for event in events:
                if event.type == "SYNCED":
                    synced = True
                elif event.type == "DELETED":
                    found.pop(event.object["metadata"]["uid"], None)
                else:
                    view = pods.view_pod(event.object)
                    found[view.uid] = view
                if synced and found != self._session.state.pods:
                    self._session.state.pods = dict(found)
                    self._session.wake()

    # ------------------------------------------------------------------------------ deploying

    async def _deploy(self) -> None:
        session = self._session
        judged: Wanted | None = None
        judged_by: Attempt | None = None
        while True:
            version, wanted, attempt = session.version, session.wanted, session.state.attempt
            if wanted is not None and (wanted is not judged or attempt is not judged_by):
                settled = judged if attempt is judged_by else None
                if planning.needs_deployment(attempt, wanted, self._kit.book.read, settled=settled):
                    await self._deploy_once(wanted)
                    continue
                judged, judged_by = wanted, attempt
            await session.changed(version)

    async def _deploy_once(self, wanted: Wanted) -> None:
        session, deployer = self._session, self._kit.deployer
        build, built = session.build + 1, wanted.manifest.id
        tag = str(Tag(SessionId(session.id), build))
        session.state.attempt = Attempt(build, built, planning.deployment_key(wanted.settings))
        session.state.builds.clear()
        await session.report(phase="Installing", build=build, tag=tag, built=built, message="")
        session.wake()
        try:
            with session.phase("install"):
                deployed = await deployer.deploy(wanted.settings, wanted.manifest, tag, self._say_helm)
        except AlcoveError as error:
            await session.fail(error.message, error.cause, error.hint)
            return
        except asyncio.CancelledError:
            # Whoever runs this session next installs anew.
            session.state.attempt = None
            raise
        session.state.workloads = deployed.workloads
        for notice in deployed.notices:
            session.tell(calls.Notice(notice))
        await session.report(
            phase="Building", release=deployed.release, ports=deployed.ports, hosts=deployed.hosts
        )
        session.wake()

    def _say_helm(self, text: str) -> None:
        self._session.tell(calls.Line("helm", text))

    async def _build(self, pod: PodView, image: str) -> None:
        """Make an image on a pod's node; every pod that waits there reads of it in ``builds``."""
        session = self._session
        wanted, attempt = session.wanted, session.state.attempt
        run = session.state.builds.setdefault((pod.node, image), BuildRun())
        if wanted is None or attempt is None or run.result is not None:
            return
        manifest = self._kit.book.read(attempt.manifest)
        if manifest is None:
            run.end(Failed(_UNKNOWN))
            await session.fail("the image could not be built", _UNKNOWN, "alcove up sends all of it again")
            return
        run.tell = lambda text: session.tell(calls.Line("build", text))
        with session.phase("build") as end:
            order = await images.make_order(self._kit, pod, image, wanted.settings, manifest)
            try:
                await images.build_image(self._kit.builders, pod.node, order, run)
            except AlcoveError as error:
                run.end(Failed(error.message, hint=error.hint))
            result = await run.wait()
            end.failed = isinstance(result, Failed)
        if isinstance(result, Failed) and pod.build == session.build:
            await session.fail("the image could not be built", images.told(result), result.hint)


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
