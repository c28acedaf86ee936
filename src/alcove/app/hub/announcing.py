"""What happens in a session, told to everybody who follows it.

Who comes late is told where things stand first. A follower that does not read loses lines of output, and is
told so; it never delays the work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator

from alcove.sessions.calls import Line, Notice, PhaseBegan, PhaseEnded, Problem, Running, Told

_QUEUED = 10_000
LEFT_OUT = Notice("some output was left out: it came faster than it was read")


class Announcer:
    """One session's events."""

    def __init__(self) -> None:
        """Begin with nobody and nothing."""
        self._followers: set[Follower] = set()
        self._standing: dict[str, Told] = {}

    def tell(self, told: Told) -> None:
        """Tell all followers."""
        self._remember(told)
        for follower in self._followers:
            follower.put(told)

    def reset(self) -> None:
        """Forget where things stood: something new begins."""
        self._standing.clear()

    def forget(self, phase: str) -> None:
        """Let a phase not stand any more that was given up."""
        self._standing.pop(phase, None)

    @contextlib.contextmanager
    def follow(self) -> Iterator[Follower]:
        """Give what happens from now on, after where things stand."""
        follower = Follower()
        for told in self._standing.values():
            follower.put(told)
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

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

    def __init__(self) -> None:
        """Begin with nothing to read."""
        self._waiting: deque[Told] = deque()
        self._something = asyncio.Event()
        self._lags = False

    def put(self, told: Told) -> None:
        """Keep what happened; lines of output only while there is room, all else is little."""
        if isinstance(told, Line) and len(self._waiting) >= _QUEUED:
            if not self._lags:
                self._waiting.append(LEFT_OUT)
            self._lags = True
        else:
            self._waiting.append(told)
            self._lags = self._lags and not isinstance(told, Line)
        self._something.set()

    async def next(self) -> Told:
        """Give the next one."""
        while not self._waiting:
            self._something.clear()
            await self._something.wait()
        return self._waiting.popleft()


def lines(source: str, text: str, instance: str = "") -> Iterator[Line]:
    """Give a text's lines as events."""
    for line in text.splitlines():
        yield Line(source, line, instance)
