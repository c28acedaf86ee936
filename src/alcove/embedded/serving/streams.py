"""Answers that stay open: each has a deadline that the server's end brings forward.

A stream is ended by its deadline and by nothing else of ours, so that a client sees a clean end of its answer
(the last chunk, a close frame) whether its time is up or the server stops.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any


class OpenStreams:
    """The streams of one server."""

    def __init__(self) -> None:
        """Begin with none."""
        self._deadlines: set[asyncio.Timeout] = set()
        self._ended = False

    @contextlib.asynccontextmanager
    async def open(self, seconds: float | None = None) -> AsyncIterator[asyncio.Timeout]:
        """Run the block until it ends, ``seconds`` have passed or the server stops, which is no error.

        The block gets its deadline and may bring it forward.
        """
        try:
            async with asyncio.timeout(0 if self._ended else seconds) as deadline:
                self._deadlines.add(deadline)
                try:
                    yield deadline
                finally:
                    self._deadlines.discard(deadline)
        except TimeoutError:
            if not deadline.expired():
                raise

    def end(self) -> None:
        """End every stream, also those that are opened from now on."""
        self._ended = True
        now = asyncio.get_running_loop().time()
        for deadline in tuple(self._deadlines):
            deadline.reschedule(now)


@contextlib.asynccontextmanager
async def closing(source: AsyncIterator[Any]) -> AsyncIterator[AsyncIterator[Any]]:
    """Yield ``source`` and close it after the block when it can be (generators can)."""
    try:
        yield source
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
