from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from alcove.embedded.serving.streams import OpenStreams, closing


async def test_a_stream_ends_with_the_server_and_so_does_every_later_one() -> None:
    streams = OpenStreams()
    async with asyncio.TaskGroup() as group:
        entered = asyncio.Event()

        async def run() -> None:
            async with streams.open():
                entered.set()
                await asyncio.Event().wait()

        group.create_task(run())
        await entered.wait()
        streams.end()
    async with streams.open(60):
        await asyncio.Event().wait()


async def test_a_stream_ends_when_its_time_is_up() -> None:
    async with OpenStreams().open(0.001):
        await asyncio.Event().wait()


async def test_a_block_may_bring_its_own_end_forward() -> None:
    async with OpenStreams().open() as deadline:
        deadline.reschedule(0)
        await asyncio.Event().wait()


async def test_other_timeouts_are_errors() -> None:
    with pytest.raises(TimeoutError, match="mine"):
        async with OpenStreams().open(60):
            raise TimeoutError("mine")


async def test_a_source_is_closed_after_use() -> None:
    closed = []

    async def count() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    async with closing(count()) as source:
        assert await anext(source) == 1
    assert closed
