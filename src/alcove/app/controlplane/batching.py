"""When to build: causes are collected, so that a burst of changes costs one build, and none waits long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from alcove.app.controlplane.settings import BatchSettings


@dataclass(frozen=True, slots=True)
class Batch:
    """The changes that wait for a build; times in seconds of one clock."""

    first: float
    last: float

    def due(self, settings: BatchSettings) -> float:
        """Give when to build: once it was quiet for a moment, and at the latest a while after the first."""
        return min(self.last + settings.hold_off, self.first + settings.longest)


async def collect(changed: asyncio.Event, clock: Callable[[], float], settings: BatchSettings) -> None:
    """Wait for a change, then for those that come right after it; clears ``changed`` last."""
    await changed.wait()
    batch = Batch(clock(), clock())
    while (left := batch.due(settings) - clock()) > 0:
        changed.clear()
        try:
            async with asyncio.timeout(left):
                await changed.wait()
        except TimeoutError:
            break
        batch = Batch(batch.first, clock())
    changed.clear()
