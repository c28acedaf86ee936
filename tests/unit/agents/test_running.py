"""Commands beside the container's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.unit.agents.fakes import FakeAgent

from alcove.agents import messages
from alcove.agents.client import AgentClient
from alcove.agents.errors import LostError, RefusedError


@pytest.fixture
def fake() -> FakeAgent:
    return FakeAgent()


@pytest.fixture
async def agent(fake: FakeAgent) -> AsyncIterator[AgentClient]:
    fake.greet()
    async with AgentClient.open(fake, "s1") as agent:
        await fake.hear(messages.HubHello)
        yield agent


async def begin(fake: FakeAgent) -> int:
    request, _ = await fake.hear(messages.Run)
    fake.say(messages.Started(9), request)
    return request


async def test_what_is_asked_for(agent: AgentClient, fake: FakeAgent) -> None:
    async def answer() -> messages.Run:
        request, message = await fake.hear(messages.Run)
        fake.say(messages.Started(9), request)
        fake.say(messages.Exited(0), request)
        return message

    async with asyncio.TaskGroup() as group:
        asked = group.create_task(answer())
        async with agent.run(["a", "b"], env={"K": "V"}, workdir="/w", with_input=True, with_log=True) as run:
            assert (run.pid, await run.wait()) == (9, 0)
    assert asked.result() == messages.Run(("a", "b"), ("K=V",), "/w", 3)


async def test_output_then_the_code(agent: AgentClient, fake: FakeAgent) -> None:
    async def answer() -> None:
        request = await begin(fake)
        for stream, content in ((1, b"out"), (2, b"err"), (1, b"more")):
            fake.say(messages.Output(stream, content), request)
        fake.say(messages.Exited(-9), request)

    async with asyncio.TaskGroup() as group:
        group.create_task(answer())
        async with agent.run(["a"]) as run:
            assert [part async for part in run.output()] == [(1, b"out"), (2, b"err"), (1, b"more")]
            assert await run.wait() == -9
            await run.signal(15)
    assert fake.heard() == 0


async def test_input(agent: AgentClient, fake: FakeAgent) -> None:
    async def answer() -> list[bytes]:
        request = await begin(fake)
        received: list[bytes] = []
        while len(b"".join(received)) < 1_000_000:
            received.append((await fake.hear(messages.Input))[1].content)
        await fake.hear(messages.InputEnd)
        fake.say(messages.Exited(0), request)
        return received

    async with asyncio.TaskGroup() as group:
        task = group.create_task(answer())
        async with agent.run(["a"], with_input=True) as run:
            await run.write(bytes(1_000_000))
            await run.close_input()
            assert await run.wait() == 0
    assert len(task.result()) == 4


async def test_a_signal(agent: AgentClient, fake: FakeAgent) -> None:
    async def answer() -> None:
        request = await begin(fake)
        assert (await fake.hear(messages.Signal))[1].number == 15
        fake.say(messages.Exited(-15), request)

    async with asyncio.TaskGroup() as group:
        group.create_task(answer())
        async with agent.run(["a"]) as run:
            await run.signal(15)
            assert await run.wait() == -15


async def test_leaving_it_kills_what_still_runs(agent: AgentClient, fake: FakeAgent) -> None:
    async with asyncio.TaskGroup() as group:
        started = group.create_task(begin(fake))
        async with agent.run(["a"]):
            pass
        request, message = await fake.hear(messages.Signal)
    assert (request, message.number) == (started.result(), 9)


async def test_one_too_many(agent: AgentClient, fake: FakeAgent) -> None:
    async def refuse() -> None:
        request, _ = await fake.hear(messages.Run)
        fake.say(messages.Failed("", "too many commands run already"), request)

    async with asyncio.TaskGroup() as group:
        group.create_task(refuse())
        with pytest.raises(RefusedError, match="too many"):
            async with agent.run(["a"]):
                raise AssertionError
    assert fake.heard() == 0


async def test_output_that_nobody_takes_holds_the_connection_up_until_it_is_left(
    agent: AgentClient, fake: FakeAgent
) -> None:
    async with asyncio.TaskGroup() as group:
        started = group.create_task(begin(fake))
        async with agent.run(["a"]):
            for _ in range(30):
                fake.say(messages.Output(1, bytes(100_000)), started.result())
            ping = group.create_task(agent.ping())
            request, _ = await fake.hear(messages.Ping)
            fake.say(messages.Done(), request)
            for _ in range(100):
                await asyncio.sleep(0)
            assert not ping.done()
        await ping


async def test_losing_the_connection(agent: AgentClient, fake: FakeAgent) -> None:
    async with asyncio.TaskGroup() as group:
        started = group.create_task(begin(fake))
        with pytest.raises(LostError):
            async with agent.run(["a"]) as run:
                fake.say(messages.Output(1, b"last words"), started.result())
                fake.end()
                parts = run.output()
                assert await anext(parts) == (1, b"last words")
                await anext(parts)
    with pytest.raises(LostError):
        async with agent.run(["a"]):
            raise AssertionError
