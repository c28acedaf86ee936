"""Finds what no event told: everything that is known is asked about once in a while, a little at a time.

Both are pure: which paths are due is a function of the time that is given, and what is suspicious one of what
the system says.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from alcove.sync.hashing import Stamp, stamp_of

LARGEST_SLICE = 250
"""Asking about so many takes half a millisecond."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The paths that are due, and when the next are, by the clock that was given."""

    paths: Sequence[str]
    next_at: float


class CheckPlan:
    """Rounds through paths: one takes ``interval`` seconds, however many there are."""

    def __init__(self, interval: float, *, now: float) -> None:
        """Begin with nothing to ask about."""
        self._interval = interval
        self._paths: Sequence[str] = ()
        self._at = 0
        self._last = now
        self._hurried = 0

    def know(self, paths: Sequence[str]) -> None:
        """Go on with other paths; where a round is stays as it is."""
        self._paths = paths
        if self._at >= len(paths):
            self._at = 0

    def hurry(self) -> None:
        """Ask about everything now, without pauses."""
        self._at, self._hurried = 0, len(self._paths)

    def take(self, now: float) -> Slice:
        """Give what is due; after a long time it is no more than after a short one."""
        count = len(self._paths)
        slices = max(1, math.ceil(count / LARGEST_SLICE))
        pause = self._interval / slices
        if self._hurried <= 0 and now < self._last + pause:
            return Slice((), self._last + pause)
        taken = self._paths[self._at : self._at + math.ceil(count / slices)]
        self._last = now
        self._hurried -= len(taken)
        self._at += len(taken)
        if self._at >= count:
            self._at = self._hurried = 0
        return Slice(taken, now if self._hurried > 0 else now + pause)


def find_suspects(
    asked: Iterable[str], known: Mapping[str, Stamp], ask: Callable[[str], os.stat_result]
) -> list[str]:
    """Give the paths of which the system does not say any more what it said."""
    suspects = []
    for path in asked:
        stamp = known.get(path)
        if stamp is None:
            continue
        try:
            found = stamp_of(ask(path))
        except (OSError, ValueError):
            suspects.append(path)
        else:
            if found != stamp:
                suspects.append(path)
    return suspects
