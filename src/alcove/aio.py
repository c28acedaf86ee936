"""What asyncio leaves to its users: named tasks that cannot be lost, and a group that ends by cancelling."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any


def innermost(error: BaseException) -> BaseException:
    """Give what failed first inside of groups: who waits for tasks wants the error, not the group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextlib.asynccontextmanager
async def open_background(*, name: str) -> AsyncIterator[Background]:
    """Yield a group whose tasks are cancelled and awaited when the block ends.

    A task that fails ends the block with its error; unlike in ``asyncio.TaskGroup``, leaving the block does
    not wait for tasks that serve for ever, and an error that is alone comes without a group around it, the
    block's own too.
    """
    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            background = Background(group, name)
            try:
                yield background
            except (Exception, asyncio.CancelledError) as error:  # it is raised below
                failure = error
            finally:
                background.cancel()
    except BaseExceptionGroup as several:
        alone = innermost(several) if _is_alone(several) else None
        raise alone or several from several.__cause__
    if failure is not None:
        raise failure


def _is_alone(group: BaseExceptionGroup[BaseException]) -> bool:
    inner = group.exceptions[0]
    return len(group.exceptions) == 1 and (not isinstance(inner, BaseExceptionGroup) or _is_alone(inner))


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
