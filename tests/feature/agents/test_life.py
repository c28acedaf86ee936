"""A container's life as a hub sees it."""

from __future__ import annotations

import asyncio
import hashlib
import signal
from pathlib import Path

import pytest
from tests.feature.agents.conftest import open_agent, open_stream
from tests.unit.native.hub import Container

from alcove.agents import messages
from alcove.agents.client import AgentClient
from alcove.agents.errors import LostError, RefusedError
from alcove.agents.messages import CommandExited, CommandStarted, State
from alcove.agents.operations import WriteFile


def write(path: str, content: bytes, mode: int = 0o644) -> WriteFile:
    return WriteFile(path, mode, len(content), hashlib.sha256(content).digest(), content)


async def test_a_save_that_restarts(pod: Container) -> None:
    """Stop, apply, build, start: in the same container, with another process."""
    program = pod.root / "serve.sh"
    pod.root.mkdir()
    program.write_text("echo version 1; exec sleep 600\n")
    run = pod.begin("sh", str(program))
    assert run.out.next() == "version 1"
    async with open_agent(pod.port) as agent:
        events = agent.events()
        assert await agent.stop(["nobody-has-this-name"], grace=5) == -signal.SIGTERM
        content = b"echo version $VERSION of $(cat built); exec sleep 600\n"
        await agent.apply([write("serve.sh", content)], root=str(pod.root), applied="m2")
        build = agent.run(["sh", "-c", "echo building; echo a build > built"], workdir=str(pod.root))
        async with build as command:
            assert [part async for part in command.output()] == [(1, b"building\n")]
            assert await command.wait() == 0
        pid = await agent.start(env={"VERSION": "2"}, workdir=str(pod.root))
        assert pid != agent.hello.pid
        assert [await anext(events), await anext(events)] == [
            CommandExited(-signal.SIGTERM),
            CommandStarted(pid),
        ]
    assert run.out.next() == "version 2 of a build"


async def test_a_crash_is_told_and_the_next_save_starts_it_again(pod: Container) -> None:
    run = pod.begin("sh", "-c", "echo started; read line; exit 3", stdin=-1)
    assert run.out.next() == "started"
    async with open_agent(pod.port) as agent:
        events = agent.events()
        assert run.process.stdin is not None
        run.process.stdin.write(b"\n")
        run.process.stdin.flush()
        assert await anext(events) == CommandExited(3)
        assert "exit code 3; it starts again at the next save" in run.err.next()
        async with open_agent(pod.port) as other:
            assert (other.hello.state, other.hello.exit) == (State.ENDED, 3)
        assert await agent.start() > 0
    assert run.out.next() == "started"


async def test_the_end_of_the_agent_is_the_end_of_what_was_asked(pod: Container) -> None:
    run = pod.begin("sleep", "600")
    async with open_agent(pod.port) as agent:
        async with asyncio.TaskGroup() as group:
            events = agent.events()
            group.create_task(agent.wait_lost())
            run.send(signal.SIGKILL)
            with pytest.raises(LostError):
                await anext(events)
        with pytest.raises(LostError):
            await agent.start()


async def test_another_sessions_hub(pod: Container) -> None:
    pod.begin("sleep", "600")
    async with open_stream(pod.port) as stream:
        with pytest.raises(LostError, match="of another session"):
            async with AgentClient.open(stream, "s-of-another"):
                raise AssertionError


async def test_the_build_that_comes_first(pod: Container) -> None:
    waiting = pod.await_build()
    async with open_agent(pod.port) as agent:
        assert agent.hello.role == "build"
        await agent.log(b"step 1\n")
        await agent.ping()
        assert waiting.out.next() == "step 1"
        await agent.build_failed("step 2 ended with code 1")
        assert waiting.out.next() == "step 2 ended with code 1"
        await agent.settings(env={"A": "1"}, hold=True)
        await agent.built(messages.Built(("sh", "-c"), ("echo $A; exec sleep 600",)))
    assert waiting.wait() == 0
    run = pod.begin(options=("--image-entrypoint", "--image-cmd"))
    async with open_agent(pod.port) as agent:
        assert agent.hello.state == State.HELD
        assert await agent.start() > 0
        assert run.out.next() == "1"
        assert await agent.start(["sh", "-c", "echo $A $B; exec sleep 600"], env={"B": "2"}) > 0
        assert run.out.next() == "1 2"


async def test_a_container_that_was_restarted_is_brought_up_to_date_first(
    pod: Container, tmp_path: Path
) -> None:
    run = pod.begin("sh", "-c", "cat app/said; exec sleep 600", cwd=tmp_path)
    async with open_agent(pod.port) as agent:
        await agent.apply([write("said", b"first\n")], root=str(pod.root), applied="m1")
    run.send(signal.SIGTERM)
    run.wait()
    (pod.root / "said").unlink()
    run = pod.begin("sh", "-c", "cat app/said; exec sleep 600", cwd=tmp_path)
    async with open_agent(pod.port) as agent:
        assert (agent.hello.state, agent.hello.applied) == (State.WAITING, "")
        await agent.apply([write("said", b"first\n")], root=str(pod.root), applied="m1")
        assert run.out.next() == "first"


async def test_many_things_at_once_over_one_connection(agent: AgentClient, pod: Container) -> None:
    async def echo(number: int) -> None:
        async with agent.run(["sh", "-c", f"cat; exit {number}"], with_input=True) as command:
            await command.write(b"x" * 200_000)
            await command.close_input()
            size = 0
            async for _, content in command.output():
                size += len(content)
            assert (await command.wait(), size) == (number, 200_000)

    async def apply(number: int) -> None:
        content = b"y" * 300_000
        await agent.apply([write(f"f{number}", content)], root=str(pod.root), applied=f"m{number}")

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(echo(number))
            group.create_task(apply(number))
            group.create_task(agent.ping())
            group.create_task(agent.tree("/usr/share/zoneinfo", ["nothing"]))
    assert len(await agent.tree(str(pod.root))) == 8


async def test_a_command_too_many(agent: AgentClient) -> None:
    async with asyncio.TaskGroup() as group:
        go_on = asyncio.Event()
        started = asyncio.Semaphore(0)

        async def sleep() -> None:
            async with agent.run(["sleep", "600"]):
                started.release()
                await go_on.wait()

        for _ in range(16):
            group.create_task(sleep())
        for _ in range(16):
            await started.acquire()
        with pytest.raises(RefusedError, match="too many"):
            async with agent.run(["true"]):
                raise AssertionError
        go_on.set()
