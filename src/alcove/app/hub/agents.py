"""One container of a session: found, brought to the wanted tree again and again, its command restarted.

What the container holds is what its agent says it holds, so the hub may be lost at any moment: the next one
asks, and goes on from the answer. A batch of files is committed under the name of the tree it leads to,
marked as pending until the command has been started again; so a restart that nobody finished is finished by
whoever comes next.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from alcove import aio
from alcove.agents.client import AgentClient
from alcove.agents.errors import AgentError, ApplyError, LostError
from alcove.agents.messages import PLAIN, CommandExited, CommandStarted, Directory, Link, Remove, State
from alcove.agents.messages import Entry as TreeEntry
from alcove.agents.operations import Operation, WriteFile
from alcove.app.hub import planning
from alcove.app.hub.kit import Kit
from alcove.app.hub.planning import Applied, Wanted
from alcove.app.hub.pods import ContainerView, PodView
from alcove.app.hub.preparing import must_prepare, prepare
from alcove.errors import AlcoveError
from alcove.kube.errors import KubeError
from alcove.sessions import calls
from alcove.sync import manifest as trees
from alcove.sync.manifest import Changes, Manifest
from alcove.sync.updates import Kind

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_GRACE = 2.0
"""Seconds that requests inside of the command have after SIGTERM."""

_PING_SECONDS, _PING_PATIENCE = 15.0, 30.0
"""How often an agent is asked whether it is there: what is silent for minutes is forgotten on the way."""

_log = logging.getLogger(__name__)


class View(Protocol):
    """What a container's worker may know of its session."""

    @property
    def wanted(self) -> Wanted | None:
        """What is to run; None while nothing was synchronized."""

    @property
    def build(self) -> int:
        """The number of the build whose pods are kept up to date."""

    def built_from(self, build: int) -> Manifest | None:
        """Give what the image of a build was made from."""

    def instances(self) -> int:
        """Tell how many pods the build has."""

    @property
    def version(self) -> int:
        """A number that grows with every change of any of it."""

    async def changed(self, since: int) -> None:
        """Return when the version is no longer ``since``."""


@dataclass(frozen=True, slots=True)
class Instance:
    """The container that a worker is for."""

    namespace: str
    session: str
    pod: PodView
    container: ContainerView

    @property
    def name(self) -> str:
        """What people call it."""
        several = len(self.pod.containers) > 1
        return f"{self.pod.name}/{self.container.name}" if several else self.pod.name


class AgentWorker:
    """Keeps one container as the session wants it."""

    def __init__(
        self,
        kit: Kit,
        instance: Instance,
        view: View,
        *,
        tell: Callable[[calls.Told], None],
        settled: Callable[[], None],
    ) -> None:
        """Speak to the agent of ``instance``; ``tell`` hears what happens, ``settled`` when all is done."""
        self._kit = kit
        self._instance = instance
        self._view = view
        self._tell = tell
        self._settled = settled
        self._extra: Mapping[str, str] | None = None
        """What the command needs in its environment besides; None before the container was prepared."""
        self._refused: Wanted | None = None
        self._waits = False
        """Whether the container was started again and its command waits for us."""
        self.agent: AgentClient | None = None
        """The agent, while there is a connection."""
        self.settled: Applied | None = None
        """What the container is known to hold; None before an agent has answered."""

    def has(self, wanted: Wanted) -> bool:
        """Tell whether the container is as it is wanted, or will not be for a reason that was told."""
        return self._refused is wanted or self.settled == _target(wanted)

    async def run(self) -> None:
        """Work until cancelled, through any loss of the connection."""
        pause = _FIRST_PAUSE
        while True:
            try:
                async with self.open() as agent:
                    pause = _FIRST_PAUSE
                    await self._serve(agent)
            except (LostError, KubeError) as error:
                _log.debug("%s: %s", self._instance.name, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[AgentClient]:
        """Give a connection of one's own to the agent."""
        place = self._instance
        async with (
            self._kit.client.connect(place.namespace, place.pod.name, place.container.port) as stream,
            AgentClient.open(stream, place.session) as agent,
        ):
            yield agent

    async def _serve(self, agent: AgentClient) -> None:
        async with aio.open_background(name=self._instance.name) as tasks:
            tasks.start(self._follow(agent), name="events")
            self.agent = agent
            self.settled = planning.parse_applied(agent.hello.applied)
            self._waits = agent.hello.state is State.WAITING
            lost = tasks.start(_watch_over(agent), name="lost")
            work = tasks.start(self._work(agent), name="work")
            try:
                await asyncio.wait({lost, work}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    work.result()
            finally:
                self.agent = None

    async def _work(self, agent: AgentClient) -> None:
        while True:
            version, wanted = self._view.version, self._view.wanted
            ours = self._instance.pod.build == self._view.build
            if wanted is not None and ours and wanted is not self._refused:
                try:
                    await self._bring(agent, wanted)
                except LostError:
                    return
                except AlcoveError as error:
                    # Only something new is worth another try.
                    self._refused = wanted
                    self._tell(calls.Problem(error.message, error.cause, error.hint))
            await self._view.changed(version)

    async def _bring(self, agent: AgentClient, wanted: Wanted) -> None:
        """Make the container as it is wanted; nothing when it is."""
        target = _target(wanted)
        before = self.settled or Applied(planning.UNKNOWN)
        held = agent.hello.state is State.HELD and self._extra is None and not wanted.settings.command.hold
        if (before == target and not held) or (wanted.settings.container is None and not held):
            return
        began = self._kit.clock()
        changes = await self._changes(agent, before, wanted)
        update = planning.judge(changes, wanted.settings)
        if update.kind is Kind.REBUILD:
            return
        reason = update.reason if update.kind is Kind.RESTART else self._restart_reason(agent, before, target)
        if self._waits:
            # Else the first batch would start the command, before it is as it is wanted.
            await agent.stop(())
        if changes or reason:
            leads_to = replace(target, pending=bool(reason))
            await self._apply(agent, changes, wanted, leads_to)
            # What fails from here on has left the files there, and no command.
            self.settled = leads_to
        if reason:
            await self._restart(agent, wanted)
            await agent.apply((), root="/", applied=str(target))
        self.settled, self._waits = target, False
        self._settled()
        if changes or reason:
            self._tell(self._updated(changes, reason, update.reason, self._kit.clock() - began, target))

    def _restart_reason(self, agent: AgentClient, before: Applied, target: Applied) -> str:
        """Give why the command is started again, files aside; empty when it is not."""
        if agent.hello.state is State.HELD and self._extra is None:
            return "the container was prepared"
        if before.pending:
            return "it was interrupted before"
        if before.manifest and before.command != target.command:
            return "the command changed"
        if self._waits:
            return "the container was started again"
        return ""

    def _updated(
        self, changes: Changes, restarted: str, copied: str, seconds: float, target: Applied
    ) -> calls.Updated:
        return calls.Updated(
            target.manifest,
            self._instance.name,
            "restart" if restarted else "copy",
            restarted or copied,
            len(changes.written) + len(changes.removed),
            seconds,
            self._view.instances(),
        )

    async def _changes(self, agent: AgentClient, before: Applied, wanted: Wanted) -> Changes:
        known = None
        if before.manifest not in ("", planning.UNKNOWN):
            known = self._kit.book.read(before.manifest)
        if known is not None:
            return planning.synced(trees.diff(known, wanted.manifest), wanted.settings)
        return await self._compare(agent, before, wanted)

    async def _compare(self, agent: AgentClient, before: Applied, wanted: Wanted) -> Changes:
        """Ask for digests: of a container as its image made it, or of one of which nothing is known."""
        paths = planning.synced_paths(wanted.manifest, wanted.settings)
        prefix = _prefix(wanted)
        there = await agent.tree(self._root(agent, wanted), [path[len(prefix) :] for path in paths])
        written = {
            prefix + one.path: entry
            for one in there
            if not _same(one, entry := wanted.manifest.entries[prefix + one.path])
        }
        built = self._view.built_from(self._instance.pod.build)
        gone = planning.synced(trees.diff(built, wanted.manifest), wanted.settings).removed if built else ()
        return Changes(dict(sorted(written.items())), gone)

    async def _apply(self, agent: AgentClient, changes: Changes, wanted: Wanted, leads_to: Applied) -> None:
        prefix = _prefix(wanted)
        operations = self._operations(changes, len(prefix))
        try:
            await agent.apply(operations, root=self._root(agent, wanted), applied=str(leads_to))
        except ApplyError:
            self.settled = Applied("?")
            raise

    def _operations(self, changes: Changes, cut: int) -> Iterable[Operation]:
        for path in changes.removed:
            yield Remove(path[cut:])
        for path, entry in changes.written.items():
            relative = path[cut:]
            if not relative:
                continue
            match entry:
                case trees.File():
                    content = self._kit.book.store.chunks(entry.digest)
                    yield WriteFile(relative, entry.mode, entry.size, bytes.fromhex(entry.digest), content)
                case trees.Link():
                    yield Link(relative, entry.target)
                case trees.Directory():
                    yield Directory(relative, entry.mode)

    async def _restart(self, agent: AgentClient, wanted: Wanted) -> None:
        container = wanted.settings.container
        iterate = container.iterate if container else None
        await agent.stop(iterate.processes_to_kill if iterate else (), grace=_GRACE)
        for argv in iterate.build_commands if iterate else ():
            await self._build(agent, argv, wanted)
        if not wanted.settings.command.hold:
            await self.start_command(agent, wanted)

    async def start_command(self, agent: AgentClient, wanted: Wanted) -> None:
        """Start the session's command, with what was prepared for it."""
        if self._extra is None and must_prepare(wanted.settings):
            applied = str(self.settled) if self.settled and self.settled.manifest else ""
            self._extra = await prepare(
                self._kit, agent, self._instance.pod, wanted.settings, applied or agent.hello.applied
            )
        self._extra = self._extra or {}
        command = wanted.settings.command
        await agent.start(command.argv or PLAIN, env={**command.environment, **self._extra})

    async def _build(self, agent: AgentClient, argv: tuple[str, ...], wanted: Wanted) -> None:
        root = self._root(agent, wanted)
        async with agent.run(argv, workdir=root, with_log=True) as running:
            code = await running.wait()
        if code:
            raise AgentError(
                f"{' '.join(argv)} ended with exit code {code} in {self._instance.name}",
                hint="the command is started again after the next save that builds",
            )

    def _root(self, agent: AgentClient, wanted: Wanted) -> str:
        container = wanted.settings.container
        target = (container.sync_target if container else None) or ""
        workdir = agent.hello.workdir or "/"
        return target if target.startswith("/") else f"{workdir.rstrip('/')}/{target}".rstrip("/") or "/"

    async def _follow(self, agent: AgentClient) -> None:
        name = self._instance.name
        try:
            async with contextlib.aclosing(agent.events()) as events:
                async for event in events:
                    match event:
                        case CommandStarted(pid=pid):
                            self._tell(calls.CommandStarted(name, pid))
                        case CommandExited(code=code):
                            self._tell(calls.CommandEnded(name, code))
        except LostError:
            return


async def _watch_over(agent: AgentClient) -> None:
    """Return when the connection has ended, or is found to be dead."""
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PING_SECONDS):
                await agent.wait_lost()
                return
        try:
            async with asyncio.timeout(_PING_PATIENCE):
                await agent.ping()
        except (LostError, TimeoutError):
            return


def _target(wanted: Wanted) -> Applied:
    """Give what a container holds that is as it is wanted."""
    return Applied(wanted.manifest.id, planning.command_key(wanted.settings))


def _prefix(wanted: Wanted) -> str:
    prefix = wanted.settings.project.prefix
    return f"{prefix}/" if prefix else ""


def _same(found: TreeEntry, wanted: trees.Entry) -> bool:
    match wanted:
        case trees.File():
            return found.kind == "f" and found.content == bytes.fromhex(wanted.digest)
        case trees.Link():
            return found.kind == "l" and found.content.decode(errors="surrogateescape") == wanted.target
        case trees.Directory():
            return found.kind == "d"
