"""What a hub asks, and what becomes of the answers, of no answers, and of those nobody waits for."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.unit.agents.fakes import HELLO, FakeAgent

from alcove.agents import messages
from alcove.agents.client import AgentClient
from alcove.agents.errors import AgentError, ApplyError, FramingError, LostError, RefusedError
from alcove.agents.operations import Operation, WriteFile


@pytest.fixture
def fake() -> FakeAgent:
    return FakeAgent()


@pytest.fixture
async def agent(fake: FakeAgent) -> AsyncIterator[AgentClient]:
    fake.greet()
    async with AgentClient.open(fake, "s1") as agent:
        _, hello = await fake.hear(messages.HubHello)
        assert hello == messages.HubHello(1, "s1")
        yield agent


def write(path: str, content: bytes) -> WriteFile:
    return WriteFile(path, 0o644, len(content), hashlib.sha256(content).digest(), content)


class TestOpening:
    async def test_it_tells_who_it_is(self, agent: AgentClient) -> None:
        assert agent.hello == HELLO

    @pytest.mark.parametrize(
        ("first", "reason"),
        [
            (messages.Error("the agent is of another session"), "of another session"),
            (messages.Done(), "no agent that we understand"),
            (messages.AgentHello(2, "s1", "run", "", "", messages.State.RUNNING, 1, 0, 0, "/"), "understand"),
        ],
    )
    async def test_others_are_refused(self, fake: FakeAgent, first: messages.Message, reason: str) -> None:
        fake.say(first)
        with pytest.raises(LostError, match=reason):
            async with AgentClient.open(fake, "s1"):
                raise AssertionError

    async def test_nobody_there(self, fake: FakeAgent) -> None:
        fake.end()
        with pytest.raises(LostError, match="the connection ended"):
            async with AgentClient.open(fake, "s1"):
                raise AssertionError

    async def test_nobody_answers(self, fake: FakeAgent) -> None:
        with pytest.raises(LostError, match="no answer within"):
            async with AgentClient.open(fake, "s1", timeout=0.001):
                raise AssertionError

    async def test_errors_of_the_block_come_out_as_they_are(self, fake: FakeAgent) -> None:
        fake.greet()
        with pytest.raises(KeyError):
            async with AgentClient.open(fake, "s1"):
                raise KeyError

    async def test_leaving_it_writes_what_was_sent(self, fake: FakeAgent) -> None:
        fake.greet()
        async with AgentClient.open(fake, "s1") as agent:
            await fake.hear(messages.HubHello)
            await agent.log(b"last words")
        assert (await fake.hear(messages.Log))[1].content == b"last words"
        with pytest.raises(LostError, match="it was closed"):
            await agent.ping()


class TestRequests:
    async def test_many_in_flight_are_answered_in_any_order(
        self, agent: AgentClient, fake: FakeAgent
    ) -> None:
        async with asyncio.TaskGroup() as group:
            stops = [group.create_task(agent.stop((name,), grace=0.5)) for name in "abc"]
            heard = [await fake.hear(messages.Stop) for _ in stops]
            for request, message in reversed(heard):
                assert message.grace_ms == 500
                fake.say(messages.Done(ord(message.names[0])), request)
        assert [task.result() for task in stops] == [ord(name) for name in "abc"]

    async def test_a_start(self, agent: AgentClient, fake: FakeAgent) -> None:
        async with asyncio.TaskGroup() as group:
            start = group.create_task(agent.start(("a", "b"), env={"K": "V"}, workdir="/x"))
            request, message = await fake.hear(messages.Start)
            assert message == messages.Start(("a", "b"), ("K=V",), "/x")
            fake.say(messages.Done(7), request)
        assert start.result() == 7

    async def test_a_refusal(self, agent: AgentClient, fake: FakeAgent) -> None:
        async def refuse() -> None:
            request, _ = await fake.hear(messages.Stop)
            fake.say(messages.Failed("", "too many wait"), request)

        async with asyncio.TaskGroup() as group:
            group.create_task(refuse())
            with pytest.raises(RefusedError, match="too many wait"):
                await agent.stop()

    async def test_an_answer_of_the_wrong_kind(self, agent: AgentClient, fake: FakeAgent) -> None:
        async def answer() -> None:
            request, _ = await fake.hear(messages.Ping)
            fake.say(messages.Started(1), request)

        async with asyncio.TaskGroup() as group:
            group.create_task(answer())
            with pytest.raises(FramingError, match="Started is no answer"):
                await agent.ping()

    async def test_an_answer_that_nobody_waits_for_any_more(
        self, agent: AgentClient, fake: FakeAgent
    ) -> None:
        task = asyncio.get_running_loop().create_task(agent.ping())
        request, _ = await fake.hear(messages.Ping)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        fake.say(messages.Done(), request)
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.ping())
            again, _ = await fake.hear(messages.Ping)
            fake.say(messages.Done(), again)
        assert again != request

    async def test_a_tree(self, agent: AgentClient, fake: FakeAgent) -> None:
        entries = [messages.Entry("a", "f", 0o644, 1, b"x" * 32), messages.Entry("b", "-", 0, 0, b"")]
        async with asyncio.TaskGroup() as group:
            task = group.create_task(agent.tree("/app", ["a", "b"]))
            request, message = await fake.hear(messages.Tree)
            assert message == messages.Tree("/app", ("a", "b"))
            for entry in entries:
                fake.say(entry, request)
            fake.say(messages.Done(), request)
        assert task.result() == entries

    async def test_many_paths_are_several_questions(self, agent: AgentClient, fake: FakeAgent) -> None:
        paths = [f"{'x' * 90}/{number}" for number in range(3000)]
        asked: list[str] = []
        async with asyncio.TaskGroup() as group:
            task = group.create_task(agent.tree("/app", paths))
            while len(asked) < len(paths):
                request, message = await fake.hear(messages.Tree)
                asked += message.paths
                fake.say(messages.Done(), request)
        assert asked == paths
        assert task.result() == []

    async def test_a_build(self, agent: AgentClient, fake: FakeAgent) -> None:
        image = messages.Built(("a",), ("b",), "/w", "u", ("K=V",))
        async with asyncio.TaskGroup() as group:
            settings = group.create_task(agent.settings(argv=("x",), env={"K": "V"}, workdir="/y", hold=True))
            request, message = await fake.hear(messages.Settings)
            assert message == messages.Settings(("x",), ("K=V",), "/y", True)
            fake.say(messages.Done(), request)
            await settings
            built = group.create_task(agent.built(image))
            request, heard = await fake.hear(messages.Built)
            assert heard == image
            fake.say(messages.Done(), request)
            await built
            failed = group.create_task(agent.build_failed("step 2"))
            request, said = await fake.hear(messages.BuildFailed)
            assert said.text == "step 2"
            fake.say(messages.Done(), request)
            await failed


class TestApplying:
    async def test_a_batch(self, agent: AgentClient, fake: FakeAgent) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"con"
            yield b"tent"

        content = WriteFile("a", 0o600, 7, hashlib.sha256(b"content").digest(), pieces())
        operations: list[Operation] = [
            content,
            messages.Link("l", "a"),
            messages.Remove("r"),
            write("empty", b""),
        ]
        async with asyncio.TaskGroup() as group:
            task = group.create_task(agent.apply(operations, root="/app", applied="m1"))
            request, begin = await fake.hear(messages.Begin)
            assert begin.root == "/app"
            expected: list[type[messages.Message]] = [
                *(messages.File, messages.Data, messages.Data, messages.Link, messages.Remove),
                *(messages.File, messages.Commit),
            ]
            heard = [await fake.hear(kind) for kind in expected]
            assert {number for number, _ in heard} == {request}
            assert heard[-1][1] == messages.Commit("m1")
            fake.say(messages.Done(), request)
        assert task.result() is None

    async def test_content_is_cut_into_frames(self, agent: AgentClient, fake: FakeAgent) -> None:
        content = bytes(1_000_000)
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.apply([write("a", content)], root="/", applied="m"))
            request, _ = await fake.hear(messages.Begin)
            await fake.hear(messages.File)
            received = b""
            while len(received) < len(content):
                received += (await fake.hear(messages.Data))[1].content
            await fake.hear(messages.Commit)
            fake.say(messages.Done(), request)
        assert received == content

    async def test_a_failure_at_the_end(self, agent: AgentClient, fake: FakeAgent) -> None:
        async def fail() -> None:
            request, _ = await fake.hear(messages.Begin)
            await fake.hear(messages.Remove)
            await fake.hear(messages.Commit)
            fake.say(messages.Failed("a", "Read-only file system", partly=True), request)

        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            with pytest.raises(ApplyError, match="cannot change a: Read-only file system") as raised:
                await agent.apply([messages.Remove("a")], root="/", applied="m")
        assert (raised.value.path, raised.value.partly) == ("a", True)
        assert "syncTarget" in raised.value.hint

    async def test_a_failure_meanwhile_ends_the_sending(self, agent: AgentClient, fake: FakeAgent) -> None:
        asked = 0

        def endless() -> Iterator[messages.Remove]:
            nonlocal asked
            while True:
                asked += 1
                yield messages.Remove(f"{asked}")

        async def fail() -> None:
            request, _ = await fake.hear(messages.Begin)
            fake.say(messages.Failed("1", "no"), request)

        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            with pytest.raises(ApplyError):
                await agent.apply(endless(), root="/", applied="m")
        assert asked < 100_000

    async def test_batches_follow_each_other(self, agent: AgentClient, fake: FakeAgent) -> None:
        async with asyncio.TaskGroup() as group:
            for name in "ab":
                group.create_task(agent.apply([messages.Remove(name)], root="/", applied=name))
            for name in "ab":
                request, _ = await fake.hear(messages.Begin)
                assert (await fake.hear(messages.Remove))[1].path == name
                assert (await fake.hear(messages.Commit))[1].applied == name
                fake.say(messages.Done(), request)

    async def test_content_that_cannot_be_read_gives_the_batch_up(
        self, agent: AgentClient, fake: FakeAgent
    ) -> None:
        def broken() -> Iterator[bytes]:
            yield b"some"
            raise OSError("the store is gone")

        file = WriteFile("a", 0o644, 10, bytes(32), broken())
        with pytest.raises(OSError, match="the store is gone"):
            await agent.apply([file], root="/", applied="m")
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.ping())
            for kind in (messages.Begin, messages.File, messages.Data):
                await fake.hear(kind)
            request, _ = await fake.hear(messages.Ping)
            fake.say(messages.Done(), request)


class TestEvents:
    async def test_everybody_who_listens_hears_them(self, agent: AgentClient, fake: FakeAgent) -> None:
        first, second = agent.events(), agent.events()
        fake.say(messages.CommandExited(3))
        fake.say(messages.CommandStarted(7))
        for events in (first, second):
            assert [await anext(events), await anext(events)] == [
                messages.CommandExited(3),
                messages.CommandStarted(7),
            ]
            await events.aclose()

    async def test_they_end_with_the_connection(self, agent: AgentClient, fake: FakeAgent) -> None:
        events = agent.events()
        fake.say(messages.CommandExited(3))
        fake.end()
        assert await anext(events) == messages.CommandExited(3)
        with pytest.raises(LostError):
            await anext(events)
        with pytest.raises(LostError):
            await anext(agent.events())


class TestLoss:
    @pytest.mark.parametrize(
        ("how", "reason"),
        [
            (lambda fake: fake.end(), "the connection ended"),
            (lambda fake: (fake.say_raw(b"\0\0"), fake.end()), "in the middle of a message"),
            (lambda fake: fake.say_raw(bytes(20)), "says that it has 0 bytes"),
            (lambda fake: fake.say(messages.Error("that is no frame")), "that is no frame"),
            (lambda fake: fake.breaks(ConnectionResetError("reset by peer")), "reset by peer"),
        ],
    )
    async def test_whoever_waits_is_told(
        self, agent: AgentClient, fake: FakeAgent, how: object, reason: str
    ) -> None:
        async def lose() -> None:
            await fake.hear(messages.Ping)
            assert callable(how)
            how(fake)

        async with asyncio.TaskGroup() as group:
            group.create_task(lose())
            with pytest.raises(LostError, match=reason):
                await agent.ping()
        assert reason in str(await agent.wait_lost())
        for request in (agent.ping(), agent.tree("/"), agent.log(b"x"), agent.start()):
            with pytest.raises(LostError, match=reason):
                await request

    async def test_whoever_waits_to_send_is_told(self, agent: AgentClient, fake: FakeAgent) -> None:
        fake.reads.clear()

        async def flood() -> None:
            while True:
                await agent.log(b"x")

        async def lose() -> None:
            await asyncio.sleep(0)
            fake.end()

        async with asyncio.TaskGroup() as group:
            group.create_task(lose())
            with pytest.raises(LostError):
                await flood()
        fake.reads.set()

    async def test_a_write_that_fails(self, agent: AgentClient, fake: FakeAgent) -> None:
        fake.broken = BrokenPipeError("broken pipe")
        with pytest.raises(LostError, match="broken pipe"):
            await agent.ping()

    def test_losing_it_is_an_error_of_agents(self) -> None:
        assert issubclass(LostError, AgentError)
