"""Descriptors of pipes and terminals, read and written by the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

_PIECE = 65536


def read_now(descriptor: int) -> bytes | None:
    """Give the next bytes, empty at the end, None when there are none yet."""
    try:
        return os.read(descriptor, _PIECE)
    except BlockingIOError:
        return None
    except OSError:
        # A terminal whose other side is gone answers EIO instead of an end of file.
        return b""


async def read_piece(descriptor: int) -> bytes:
    """Wait for the next bytes of a descriptor; empty at its end."""
    loop = asyncio.get_running_loop()
    while (content := read_now(descriptor)) is None:
        await _until_ready(descriptor, loop.add_reader, loop.remove_reader)
    return content


async def write_all(descriptor: int, content: bytes) -> None:
    """Write all of it, waiting while nobody reads.

    Raises:
        BrokenPipeError: nobody will.
    """
    view = memoryview(content)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            loop = asyncio.get_running_loop()
            await _until_ready(descriptor, loop.add_writer, loop.remove_writer)


async def _until_ready(
    descriptor: int,
    add: Callable[[int, Callable[[], None]], object],
    remove: Callable[[int], object],
) -> None:
    ready = asyncio.Event()
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)


def close_quietly(*descriptors: int) -> None:
    """Close descriptors that may be closed already."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
