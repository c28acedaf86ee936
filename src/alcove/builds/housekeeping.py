"""Room on the node's disk, and nothing left of builds that were ended."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

from alcove.builds.failures import FULL
from alcove.errors import AlcoveError

_FULL = 0.85
"""The part of the disk from which kubelets begin to remove images; the cache goes before them."""
_LEAST = 256 << 20
"""Bytes without which no build is begun."""
_MOST_LAYERS = 500
"""That the cache of one space may have: about a hundred builds of which each changed a few."""


class Usage(Protocol):
    """How full a disk is, in bytes."""

    @property
    def total(self) -> int:
        """All there is."""

    @property
    def free(self) -> int:
        """What is left."""


class Housekeeping:
    """Knows what runs in which space, and what has to be tidied before something new begins."""

    def __init__(
        self,
        spaces: Path,
        *,
        tidy: Callable[[str], Awaitable[None]],
        usage: Callable[[Path], Usage] = shutil.disk_usage,
    ) -> None:
        """Look after the storages in ``spaces``.

        Args:
            spaces: has a directory for each.
            tidy: removes what ended builds have left in the storage of a space.
            usage: tells how full the disk is that a directory is on.
        """
        self._spaces = spaces
        self._tidy = tidy
        self._usage = usage
        self._running = collections.Counter[str]()
        self._tidied: set[str] = set()
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def entered(self, space: str) -> AsyncIterator[list[str]]:
        """Let something run in a space; yield what was done before, for whoever waits.

        Raises:
            AlcoveError: the disk is full, and nothing can be done about it.
        """
        self._running[space] += 1
        try:
            async with self._lock:
                told = await self._prepare(space)
            yield told
        finally:
            self._running[space] -= 1

    def ended(self, space: str) -> None:
        """Note that a build was ended before it ended by itself."""
        self._tidied.discard(space)

    async def _prepare(self, space: str) -> list[str]:
        told = []
        own = self._spaces / space
        if self._running[space] == 1 and _count_layers(own) > _MOST_LAYERS:
            told.append("The cache of this space's builds has become large: it is emptied")
            await asyncio.to_thread(shutil.rmtree, own, ignore_errors=True)
        if self._running[space] == 1 and space not in self._tidied:
            await self._tidy(space)
            self._tidied.add(space)
        disk = self._usage(self._spaces)
        used = 1 - disk.free / disk.total
        if used > _FULL and self._running.total() == 1:
            told.append(f"The node's disk is {used:.0%} full: the cache of builds is emptied")
            await asyncio.to_thread(_empty, self._spaces)
        if self._usage(self._spaces).free < _LEAST:
            raise AlcoveError(FULL.message, hint=FULL.hint)
        return told


def _count_layers(directory: Path) -> int:
    try:
        return sum(1 for _ in (directory / "storage/overlay").iterdir())
    except OSError:
        return 0


def _empty(directory: Path) -> None:
    for child in directory.iterdir():
        shutil.rmtree(child, ignore_errors=True)
