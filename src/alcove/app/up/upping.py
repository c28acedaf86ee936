"""``up`` of one project: sync, follow what happens, and push every save, through any loss of the hub."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from alcove import aio
from alcove.app.up.calling import CallError, HubClient
from alcove.app.up.ports import OpenPort, PortKeeper
from alcove.app.up.projects import LocalProject
from alcove.app.up.pushing import Pusher, RefusedError, read_wanted
from alcove.app.up.telling import SYNC
from alcove.errors import AlcoveError, UnavailableError
from alcove.kube.errors import KubeError
from alcove.sessions import calls
from alcove.sessions.wire import LostError, Wire
from alcove.sync.errors import SyncError
from alcove.sync.uploading import ChangedFileError
from alcove.sync.watching import Watch, open_watch

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_AGAIN = 0.05
"""Seconds after which files are looked at again that changed while they were read."""
_TAIL = 10
_LOG_SECONDS = 10.0

Tell = Callable[[calls.Told], None]


@dataclass(frozen=True, slots=True)
class UpChoices:
    """How one ``up`` runs."""

    detach: bool = False
    """End as soon as the service runs."""
    follow_saves: bool = True
    verbose: bool = False
    ports: Mapping[int, int] = field(default_factory=dict)
    """The workstation's port by the container's."""


class ProjectUp:
    """One project that is up."""

    def __init__(
        self,
        hub: HubClient,
        project: LocalProject,
        choices: UpChoices,
        *,
        tell: Tell,
        opened: Callable[[calls.Running, tuple[OpenPort, ...]], Awaitable[None]],
        revive: Callable[[], Awaitable[None]],
        reopen: Callable[[], LocalProject],
    ) -> None:
        """Run ``project`` at ``hub``.

        Args:
            hub: the hub of the space.
            project: what is run.
            choices: how.
            tell: hears what happens.
            opened: hears, when the service runs, which ports lead to it.
            revive: sees to it that there is a hub.
            reopen: gives the project as its azds.yaml says it now.
        """
        self._hub = hub
        self._project = project
        self._choices = choices
        self._tell = tell
        self._opened = opened
        self._revive = revive
        self._reopen = reopen
        self._pusher = Pusher(project)
        self._finished: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._began = 0.0
        self._keeper: PortKeeper | None = None
        self._watch: Watch | None = None
        self._looking = asyncio.Lock()
        self._saved = asyncio.Event()
        self._readable = True
        """Whether azds.yaml could be read when it was saved last."""
        self.session = ""
        self.fresh = project
        """The project as azds.yaml said it last."""

    async def run(self) -> int | None:
        """Work until cancelled, or with ``detach`` until it is known how it went; give the exit code.

        None when azds.yaml says something else than it did: whoever called begins anew with ``fresh``.

        Raises:
            AlcoveError: the hub refuses, or cannot be made to run.
        """
        await self._look()
        async with contextlib.AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(aio.open_background(name=self._project.name))
            if self._choices.follow_saves and not self._choices.detach:
                watching = open_watch(self._project.selection, self._pusher.scan, tell=self._notice)
                self._watch = await stack.enter_async_context(watching)
                tasks.start(self._follow_saves(self._watch), name="saves")
                tasks.start(self._keep_log(), name="log")
            work = tasks.start(self._work(tasks), name="work")
            try:
                await asyncio.wait({work, self._finished}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    work.result()
            finally:
                self._pusher.write_log()
                if self._keeper is not None:
                    self._keeper.close()
            return self._finished.result() if self._finished.done() else 0

    async def _look(self) -> None:
        began = time.monotonic()
        self._tell(calls.PhaseBegan(SYNC))
        said = await self._pusher.look()
        if said:
            self._tell(calls.Notice(said))
        for problem in self._pusher.scan.problems:
            self._tell(calls.Notice(f"not synchronized: {problem}"))
        self._began = began

    async def _work(self, tasks: aio.Background) -> None:
        """Keep a call to the hub open."""
        pause, lost = _FIRST_PAUSE, False
        while True:
            try:
                async with self._call() as (wire, base):
                    self.session, pause = base.session, _FIRST_PAUSE
                    if lost:
                        self._tell(calls.Notice("the hub answers again"))
                        lost = False
                    await self._converse(tasks, wire, base)
            except ChangedFileError as error:
                await asyncio.sleep(_AGAIN)
                await self._look_at([error.path])
                continue
            except (LostError, UnavailableError, KubeError, CallError) as error:
                if isinstance(error, CallError) and error.exit_code != UnavailableError.exit_code:
                    raise
                if not lost:
                    lost = True
                    cause = f" ({error.cause})" if error.cause else ""
                    self._tell(calls.Notice(f"{error.message}{cause}; saves wait until it is back"))
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            with contextlib.suppress(LostError, UnavailableError, KubeError):
                await self._revive()

    @contextlib.asynccontextmanager
    async def _call(self) -> AsyncIterator[tuple[Wire, calls.Base]]:
        committed = self._pusher.committed
        request = calls.Up(
            self._project.settings, committed.id if committed else "", verbose=self._choices.verbose
        )
        async with self._hub.call(request) as wire:
            told = await wire.receive(calls.TOLD)
            if isinstance(told, calls.Problem):
                raise CallError(told)
            if not isinstance(told, calls.Base):
                raise LostError("the hub answers something else", hint="is it of the same version?")
            if committed is not None and told.base != committed.id:
                self._pusher.committed = None
            yield wire, told

    async def _converse(self, tasks: aio.Background, wire: Wire, base: calls.Base) -> None:
        try:
            async with aio.open_background(name=f"call {self._project.name}") as inner:
                inner.start(self._push_all(wire, base), name="push")
                await asyncio.wait({inner.start(self._read(tasks, wire), name="read")})
        except BaseExceptionGroup as several:
            # A connection that breaks fails both; what came of the first is of no interest.
            raise aio.innermost(several) from None
        raise LostError("the hub ended the call")

    # ------------------------------------------------------------------------------ what comes

    async def _read(self, tasks: aio.Background, wire: Wire) -> None:
        if self._keeper is None:
            self._keeper = PortKeeper(self._hub, self.session, tasks, self._notice)
        async with aio.open_background(name="logs") as logs:
            logs.start(self._follow_logs(), name="logs")
            while (frame := await wire.next_frame()) is not None:
                told = wire.read_value(frame, calls.TOLD)
                if isinstance(told, calls.Wanted):
                    self._pusher.hear(await read_wanted(wire))
                elif isinstance(told, calls.Committed | calls.Refused):
                    # Said at once: what comes next is of what follows it.
                    self._end_sync()
                    self._pusher.hear(told)
                else:
                    await self._take(told, self._keeper)

    def _end_sync(self) -> None:
        if self._began:
            self._tell(calls.PhaseEnded(SYNC, time.monotonic() - self._began))
            self._began = 0.0

    def _notice(self, text: str) -> None:
        self._tell(calls.Notice(text))

    async def _take(self, told: calls.Told, keeper: PortKeeper) -> None:
        if isinstance(told, calls.Running):
            try:
                opened = () if self._choices.detach else await keeper.open(told.ports, self._choices.ports)
            except AlcoveError as error:
                opened = ()
                self._tell(calls.Notice(str(error), error.hint))
            await self._opened(told, opened)
            self._finish(0)
        elif isinstance(told, calls.Problem) and told.final:
            raise CallError(told)
        else:
            self._tell(told)
            if isinstance(told, calls.Problem):
                self._finish(1)

    def _finish(self, code: int) -> None:
        if self._choices.detach and not self._finished.done():
            self._finished.set_result(code)

    async def _follow_logs(self) -> None:
        """Pass on what the instances print; a call that breaks is begun again with the whole conversation."""
        if self._choices.detach:
            return
        with contextlib.suppress(LostError, KubeError):
            async with self._hub.call(calls.Logs(self.session, tail=_TAIL)) as wire:
                while True:
                    self._tell(await wire.receive(calls.TOLD))

    # ------------------------------------------------------------------------------ what goes

    async def _push_all(self, wire: Wire, base: calls.Base) -> None:
        await self._push(wire, base.manifest)
        while True:
            await self._saved.wait()
            self._saved.clear()
            if not self._pusher.is_committed:
                await self._push(wire)

    async def _keep_log(self) -> None:
        """Write the sync log now and then; it costs what the tree costs, so no save waits for it."""
        while True:
            await asyncio.sleep(_LOG_SECONDS)
            await asyncio.to_thread(self._pusher.write_log)

    async def _follow_saves(self, watch: Watch) -> None:
        """Look at what may have changed, also while there is no hub."""
        async for batch in watch:
            await self._look_at(batch.changed, batch.whole)

    async def _look_at(self, changed: Iterable[str], whole: Iterable[str] = ()) -> None:
        paths = tuple(changed)
        async with self._looking:
            found = await self._pusher.look_again(paths, whole)
            if self._watch is not None:
                self._watch.know(found.scan)
                self._watch.look_again(found.again)
        if not self._begins_anew(paths) and self._readable:
            self._saved.set()

    def _begins_anew(self, changed: Iterable[str]) -> bool:
        """Tell whether azds.yaml is among what changed, and says something else; what is wrong is told."""
        file = PurePosixPath(self._project.settings.config_file)
        if self._finished.done() or not {str(file), str(file.with_name(".env"))}.intersection(changed):
            return self._finished.done()
        try:
            self.fresh = self._reopen()
        except AlcoveError as error:
            # What it says is not known: nothing is built by what it said before.
            self._readable = False
            hint = f"{error.hint}; " if error.hint else ""
            self._tell(calls.Problem(error.message, error.cause, f"{hint}saves wait until it is mended"))
            return False
        self._readable = True
        if self.fresh == self._project:
            return False
        self._finished.set_result(None)
        return True

    async def _push(self, wire: Wire, hub_has: str = "") -> None:
        try:
            await self._push_somehow(wire, hub_has)
        except ChangedFileError:
            raise
        except (RefusedError, SyncError) as error:
            # The store is full, or the like: the next save tries again.
            self._tell(calls.Problem(error.message, error.cause, error.hint))
            self._finish(1)

    async def _push_somehow(self, wire: Wire, hub_has: str) -> None:
        try:
            await self._pusher.push(wire, hub_has)
        except RefusedError as error:
            if not error.whole:
                raise
            await self._pusher.push(wire, whole=True)
