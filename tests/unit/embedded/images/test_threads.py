"""Threads that are waited for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from alcove.embedded.images.threads import run_to_end


async def test_it_gives_the_result_or_the_error() -> None:
    assert await run_to_end(lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        await run_to_end(lambda: 1 // 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_whoever_is_cancelled_goes_on_when_the_work_has_ended(fails: bool) -> None:
    begun, end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        end.wait(10)
        ended.set()
        if fails:
            raise ValueError("told to nobody")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(run_to_end(work))
        await asyncio.to_thread(begun.wait, 10)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        end.set()
        await asyncio.wait((task,))
        assert task.cancelled()
        assert ended.is_set()
