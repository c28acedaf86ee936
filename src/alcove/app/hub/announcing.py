"""What happens in a session, told to everybody who follows it.

Who comes late is told where things stand first. A follower that does not read loses build output and the
like, and is told so; it never delays the work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator

from alcove.sessions.calls import Line, Notice, PhaseBegan, PhaseEnded, Problem, Running, Told

_QUEUED = 10_000


class Announcer:
    """One session's events."""

    def __init__(self) -> None:
        """Begin with nobody and nothing."""
        self._followers: set[asyncio.Queue[Told]] = set()
        self._standing: dict[str, Told] = {}

    def tell(self, told: Told) -> None:
        """Tell all followers."""
        self._remember(told)
        for follower in self._followers:
            with contextlib.suppress(asyncio.QueueFull):
                follower.put_nowait(told)

    def reset(self) -> None:
        """Forget where things stood: something new begins."""
        self._standing.clear()

    @contextlib.contextmanager
    def follow(self) -> Iterator[Follower]:
        """Give what happens from now on, after where things stand."""
        queue: asyncio.Queue[Told] = asyncio.Queue(_QUEUED)
        for told in self._standing.values():
            queue.put_nowait(told)
        self._followers.add(queue)
        try:
            yield Follower(queue)
        finally:
            self._followers.discard(queue)

    def _remember(self, told: Told) -> None:
        match told:
            case PhaseBegan(phase=phase):
                self._standing[phase] = told
            case PhaseEnded(phase=phase):
                self._standing.pop(phase, None)
            case Running():
                self._standing.pop("problem", None)
                self._standing["running"] = told
            case Problem():
                self._standing["problem"] = told
            case _:
                pass


class Follower:
    """One who follows."""

    def __init__(self, queue: asyncio.Queue[Told]) -> None:
        """Read from ``queue``."""
        self._queue = queue

    async def events(self) -> AsyncGenerator[Told, None]:
        """Yield what happens, without an end."""
        while True:
            lagged = self._queue.full()
            yield await self._queue.get()
            if lagged:
                yield Notice("some output was left out: it came faster than it was read")

    async def next(self) -> Told:
        """Give the next one."""
        return await self._queue.get()


def lines(source: str, text: str, instance: str = "") -> Iterator[Line]:
    """Give a text's lines as events."""
    for line in text.splitlines():
        yield Line(source, line, instance)
