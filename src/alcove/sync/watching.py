"""Tells which paths may have changed: events of the system first, and a slow check for what they missed.

::

    watchfiles ──events──► sieve ──► held back during a save ──► Watch ──► batches
    check plan ──slices──► suspects ────────────────────────────┘

On Linux each directory that counts is watched by itself, so ignored ones cost nothing and never wake;
elsewhere the system watches whole trees by itself. ``know`` takes in what the last look found: directories
that are new are watched from then on and looked at once more, since something may have come in meanwhile.

Where the system has no watches left, the check alone serves, more often, and the user is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass

from watchfiles import _rust_notify

from alcove import aio
from alcove.sync import looking, paths
from alcove.sync.checking import CheckPlan, find_suspects
from alcove.sync.hashing import Stamp
from alcove.sync.scanning import Scan
from alcove.sync.selection import Selection
from alcove.sync.sifting import CHANGED, Sieve, Sifted

_FLOOD = 8000
"""Events in one batch that make it likely that the system dropped some."""

_MOST_LATER = 256
"""More directories that came later than these are watched with all others anew."""

_TRIES = 10

Events = set[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How soon, and how often; in seconds."""

    step: float = 0.004
    """A batch ends when nothing happened for so long."""
    longest: float = 0.1
    """A batch ends after this in any case."""
    grace: float = 0.04
    """How long a batch in which a known file is away or empty waits for the rest of the save."""
    again: float = 0.2
    """After which time files that were changing are looked at again."""
    check: float = 60.0
    """How long a round of the check takes."""
    check_alone: float = 2.0
    """The same where there are no events."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Paths to look at, relative to the selection's root."""

    changed: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    """Directories to look at with all that is in them."""


@contextlib.asynccontextmanager
async def open_watch(
    selection: Selection,
    scan: Scan,
    *,
    tell: Callable[[str], None] = lambda _: None,
    settings: WatchSettings = WatchSettings(),  # frozen
) -> AsyncIterator[Watch]:
    """Watch a selection since ``scan``; what changed between that and now is found by the first check.

    ``tell`` gets what a user should know: that there are no events.
    """
    async with aio.open_background(name="watch") as background:
        watch = Watch(selection, tell, settings)
        try:
            await watch.start(scan, background)
            yield watch
        finally:
            await watch.close()


class Watch:
    """Batches of paths; iterate over it, and call ``know`` after each look."""

    def __init__(self, selection: Selection, tell: Callable[[str], None], settings: WatchSettings) -> None:
        """Prepare; ``start`` begins."""
        self._selection = selection
        self._tell = tell
        self._settings = settings
        self._sieve = Sieve(selection)
        self._known: Mapping[str, Stamp] = {}
        self._plan = CheckPlan(settings.check, now=time.monotonic())
        self._waiting = Sifted()
        self._something = asyncio.Event()
        self._renewed = asyncio.Event()
        self._check_now = asyncio.Event()
        self._directories: frozenset[str] = frozenset()
        self._watched: set[str] = set()
        self._later: set[str] = set()
        self._watchers: list[_Watcher] = []
        self._held: Events = set()
        self._release_at: asyncio.TimerHandle | None = None
        self._blind = False

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> Batch:
        """Wait for paths; all that came since the last batch are in this one."""
        await self._something.wait()
        self._something.clear()
        taken, self._waiting = self._waiting, Sifted()
        return Batch(taken.changed, taken.whole)

    async def start(self, scan: Scan, background: aio.Background) -> None:
        """Watch all directories; they are watched when this returns."""
        self._take(scan)
        await self._watch_new()
        self._plan.hurry()
        background.start(self._check(), name="check")
        background.start(self._renew(), name="renew")

    async def close(self) -> None:
        """Stop watching."""
        await asyncio.to_thread(_close_all, self._watchers)

    def know(self, scan: Scan) -> None:
        """Take in what the last look found; call it after every look."""
        self._take(scan)
        if self._unwatched():
            self._renewed.set()

    def look_again(self, again: Iterable[str]) -> None:
        """Have paths looked at once more, a moment later."""
        if chosen := frozenset(again):
            loop = asyncio.get_running_loop()
            loop.call_later(self._settings.again, self._put, Sifted(changed=chosen))

    def _take(self, scan: Scan) -> None:
        self._known, self._directories = scan.stamps, scan.directories
        self._plan.know(list(scan.stamps))

    def _put(self, sifted: Sifted) -> None:
        if sifted.changed or sifted.whole:
            self._waiting = self._waiting.joined(sifted)
            self._something.set()

    # -- events

    def _unwatched(self) -> set[str]:
        """Give the directories that need a watch of their own."""
        if self._blind:
            return set()
        if sys.platform != "linux":
            wanted = {one.directory for one in self._selection.trees} | set(self._selection.extras)
            wanted = {one if one in self._directories else paths.parent_of(one) for one in wanted}
            return {one for one in wanted if not any(paths.is_below(one, seen) for seen in self._watched)}
        wanted = self._directories.union(map(paths.parent_of, self._selection.extras))
        return set(wanted - self._watched)

    async def _renew(self) -> None:
        while True:
            await self._renewed.wait()
            self._renewed.clear()
            added = await self._watch_new()
            self._put(Sifted(changed=frozenset(added & self._known.keys())))

    async def _watch_new(self) -> set[str]:
        """Watch what is not watched yet; give the directories that are watched now."""
        added = self._unwatched()
        if not added:
            return set()
        self._watched |= added
        self._later = {one for one in self._later if one in self._watched} | added
        if not self._watchers or len(self._later) > _MOST_LATER:
            wanted, old, self._later = self._watched, self._watchers, set()
        else:
            wanted, old = self._later, self._watchers[1:]
        watcher = _Watcher(self._selection, self._settings, self._receive, self._lose)
        self._watchers = [*self._watchers, watcher]
        try:
            await asyncio.to_thread(watcher.open, sorted(wanted), asyncio.get_running_loop())
        except (OSError, RuntimeError) as error:
            self._lose(error)
            return set()
        self._watchers = [one for one in self._watchers if one not in old]
        await asyncio.to_thread(_close_all, old)
        return added

    def _lose(self, error: Exception) -> None:
        """Go on without events."""
        if self._blind:
            return
        self._blind = True
        self._plan = CheckPlan(self._settings.check_alone, now=time.monotonic())
        self._plan.know(list(self._known))
        self._check_now.set()
        self._tell(_explain(error, self._settings.check_alone))

    def _receive(self, events: Events) -> None:
        """Take events, in the loop's thread."""
        held = events | self._held
        sifted = self._sieve.sift(held, self._known)
        if sifted.unwatched:
            self._watched = {one for one in self._watched if not sifted.unwatched.intersection(_upwards(one))}
        if len(events) > _FLOOD:
            self._plan.hurry()
            self._check_now.set()
        if not sifted.is_unfinished:
            self._release(sifted)
        else:
            self._held = held
            if self._release_at is None:
                loop = asyncio.get_running_loop()
                self._release_at = loop.call_later(self._settings.grace, self._release)

    def _release(self, sifted: Sifted | None = None) -> None:
        """Let go what was held back, as it is now."""
        if self._release_at is not None:
            self._release_at.cancel()
        held, self._held, self._release_at = self._held, set(), None
        self._put(sifted or self._sieve.sift(held, self._known))

    # -- check

    async def _check(self) -> None:
        while True:
            due = self._plan.take(time.monotonic())
            if due.paths:
                await self._check_slice(due.paths)
            pause = max(0.0, due.next_at - time.monotonic())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._check_now.wait()
            self._check_now.clear()

    async def _check_slice(self, due: Iterable[str]) -> None:
        known = self._known
        ask = lambda path: os.lstat(self._selection.absolute(path))  # noqa: E731
        suspects = await asyncio.to_thread(find_suspects, due, known, ask)
        if suspects:
            self._put(self._sieve.sift(((CHANGED, path) for path in suspects), known))


def _explain(error: Exception, interval: float) -> str:
    reason = str(error)
    message = (
        f"file events are not available ({reason}): changes are found within {interval:g} seconds instead"
    )
    if "limit" in reason.lower() or "space left" in reason.lower() or "too many" in reason.lower():
        message += (
            "; raise the limits fs.inotify.max_user_watches and fs.inotify.max_user_instances "
            "(sysctl -w fs.inotify.max_user_watches=524288)"
        )
    return message


class _Watcher:
    """One set of watches of the system, and the thread that waits for its events."""

    def __init__(
        self,
        selection: Selection,
        settings: WatchSettings,
        receive: Callable[[Events], None],
        lose: Callable[[Exception], None],
    ) -> None:
        self._selection = selection
        self._settings = settings
        self._receive = receive
        self._lose = lose
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._notify: _rust_notify.RustNotify | None = None

    def open(self, directories: list[str], loop: asyncio.AbstractEventLoop) -> None:
        """Watch directories; called in a thread, since it may take a while."""
        places = [self._selection.absolute(one) for one in directories]
        present = [place for place in places if os.path.isdir(place)]  # noqa: PTH112
        recursive = sys.platform != "linux"
        self._notify = _rust_notify.RustNotify(present, False, False, 300, recursive, True)
        arguments = (loop, self._notify)
        self._thread = threading.Thread(target=self._follow, args=arguments, name="alcove-watch", daemon=True)
        self._thread.start()

    def _open(self, places: list[str]) -> _rust_notify.RustNotify:
        for _ in range(_TRIES):
            present = [place for place in places if os.path.isdir(place)]  # noqa: PTH112
            with contextlib.suppress(FileNotFoundError):  # one of them went just now
                return _rust_notify.RustNotify(present, False, False, 300, sys.platform != "linux", True)
        raise OSError("directories come and go too fast")

    def close(self) -> None:
        """Stop; called in a thread."""
        self._stop.set()
        if self._thread:
            self._thread.join()
        if self._notify:
            self._notify.close()

    def _follow(self, loop: asyncio.AbstractEventLoop, notify: _rust_notify.RustNotify) -> None:
        longest, step = int(self._settings.longest * 1000), max(1, int(self._settings.step * 1000))
        try:
            while not self._stop.is_set():
                found = notify.watch(longest, step, 1000, self._stop)
                if isinstance(found, set):
                    loop.call_soon_threadsafe(self._receive, self._relative(found))
        except RuntimeError as error:
            with contextlib.suppress(RuntimeError):  # the loop may be closed already
                loop.call_soon_threadsafe(self._lose, error)

    def _relative(self, found: Events) -> Events:
        root = str(self._selection.root).rstrip(os.sep) + os.sep
        return {
            (kind, path[len(root) :].rstrip(os.sep).replace(os.sep, "/"))
            for kind, path in found
            if path.startswith(root)
        }


def _upwards(path: str) -> list[str]:
    return [path, *looking.parents_of(path)]


def _close_all(watchers: Iterable[_Watcher]) -> None:
    for one in watchers:
        one.close()
