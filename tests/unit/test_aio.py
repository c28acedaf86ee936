import asyncio

import pytest

from alcove import aio


async def fail(error: BaseException) -> None:
    raise error


async def test_an_error_of_the_block_comes_as_it_is() -> None:
    with pytest.raises(ValueError, match="own"):
        async with aio.open_background(name="test") as tasks:
            tasks.start(asyncio.Event().wait(), name="for ever")
            raise ValueError("own")


async def test_an_error_of_a_task_ends_the_block_and_comes_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with aio.open_background(name="test") as tasks:
            tasks.start(fail(KeyError("task")), name="fails")
            await asyncio.Event().wait()


async def test_an_error_of_a_task_inside_of_a_task_comes_as_it_is() -> None:
    async def inner() -> None:
        async with aio.open_background(name="inner") as tasks:
            tasks.start(fail(KeyError("deep")), name="fails")
            await asyncio.Event().wait()

    with pytest.raises(KeyError, match="deep"):
        async with aio.open_background(name="outer") as tasks:
            tasks.start(inner(), name="inner")
            await asyncio.Event().wait()


async def test_several_errors_come_as_a_group_and_the_first_can_be_told() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with aio.open_background(name="test") as tasks:
            tasks.start(fail(KeyError("one")), name="one")
            tasks.start(fail(ValueError("two")), name="two")
            await asyncio.Event().wait()
    assert isinstance(aio.innermost(caught.value), KeyError)


async def test_cancellation_is_raised_on_and_tasks_are_awaited() -> None:
    ended = asyncio.Event()

    async def serve() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def block() -> None:
        async with aio.open_background(name="test") as tasks:
            tasks.start(serve(), name="serve")
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        running = group.create_task(block())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
    assert running.cancelled()
    assert ended.is_set()


async def test_leaving_the_block_ends_what_serves_for_ever() -> None:
    async with aio.open_background(name="test") as tasks:
        task = tasks.start(asyncio.Event().wait(), name="for ever")
    assert task.cancelled()
