"""What asyncio leaves to its users: named tasks that cannot be lost, and a group that ends by cancelling."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any


@contextlib.asynccontextmanager
async def open_background(*, name: str) -> AsyncIterator[Background]:
    """Yield a group whose tasks are cancelled and awaited when the block ends.

    A task that fails ends the block with its error, as in ``asyncio.TaskGroup``; unlike there, leaving
    the block does not wait for tasks that serve for ever.
    """
    async with asyncio.TaskGroup() as group:
        background = Background(group, name)
        try:
            yield background
        finally:
            background.cancel()


class Background:
    """The tasks of one block, each with a name."""

    def __init__(self, group: asyncio.TaskGroup, name: str) -> None:
        """Start tasks in ``group``; ``name`` prefixes each task's own."""
        self._group = group
        self._name = name
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run ``work`` until it ends or the block does."""
        task = self._group.create_task(work, name=f"{self._name}/{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def cancel(self) -> None:
        """Cancel what still runs; leaving the block awaits it."""
        for task in self._tasks:
            task.cancel()
