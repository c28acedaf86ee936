"""Work on files in a thread that is never left behind: what it writes to may be removed after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def run_to_end(work: Callable[[], Result]) -> Result:
    """Run ``work`` in a thread; whoever is cancelled meanwhile goes on when it has ended."""
    running = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            try:
                await asyncio.wait((running,))
            except asyncio.CancelledError:
                continue
        if not running.cancelled():
            running.exception()  # told to nobody: whoever asked is gone
        raise
