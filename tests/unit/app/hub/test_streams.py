from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.app.hub.pods import ID, running, session_pod
from tests.unit.app.hub.trees import SOURCES
from tests.unit.app.hub.workstations import Call, Hub, serving
from tests.unit.app.hub.worlds import SETTINGS, Space, open_session

from alcove.agents import messages
from alcove.app.hub.pods import view_pod
from alcove.app.hub.streams import choose_instance, follow_logs, render_event
from alcove.errors import ConflictError
from alcove.kube import resources
from alcove.sessions import calls


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with serving(Space(tmp_path)) as hub, hub.call(calls.Up(SETTINGS)) as call:
        await call.until(calls.Base)
        await call.push()
        await call.until(calls.Running)
        live = hub.projects.find("web")
        async with asyncio.timeout(20):
            while not live.workers or next(iter(live.workers.values())).agent is None:
                await hub.ask(calls.Hello())
        yield hub


def say(hub: Hub, pod: str, text: bytes) -> None:
    hub.space.client.logs["dev", pod] = text


async def test_the_log_of_an_instance_line_by_line(hub: Hub) -> None:
    say(hub, "web-1", b"one\ntwo\nthree")
    lines = []
    async with hub.call(calls.Logs("web", follow=False)) as call:
        while (frame := await call.wire.next_frame()) is not None:
            lines.append(call.wire.read_value(frame, calls.TOLD))
    assert lines == [calls.Line("command", text, "web-1") for text in ("one", "two", "three")]


async def test_the_last_lines_and_those_of_instances_that_come_later(hub: Hub) -> None:
    say(hub, "web-1", b"one\ntwo\n")
    say(hub, "web-2", b"fresh\n")
    async with hub.call(calls.Logs("web", tail=1)) as call, hub.call(calls.Up(SETTINGS)) as up:
        assert (await call.until(calls.Line)).text == "two"
        await up.until(calls.Base)
        await up.push({**SOURCES, "Dockerfile": b"FROM python:3"})
        assert await call.until(calls.Line) == calls.Line("command", "fresh", "web-2")


async def test_a_container_that_began_again_is_followed_again(hub: Hub) -> None:
    say(hub, "web-1", b"first\n")
    async with hub.call(calls.Logs("web")) as call:
        await call.until(calls.Line, text="first")
        say(hub, "web-1", b"second\n")
        await hub.space.set_status("web-1", running(started="t2"))
        await call.until(calls.Line, text="second")


async def test_a_session_without_instances_has_no_log(tmp_path: Path) -> None:
    live = open_session(await Space(tmp_path).begin())
    assert [line async for line in follow_logs(live, calls.Logs(ID, follow=False))] == []


async def test_an_instance_is_chosen(tmp_path: Path) -> None:
    live = open_session(await Space(tmp_path).begin())
    with pytest.raises(ConflictError, match="no instance of the service runs"):
        choose_instance(live)
    await live.report(build=1)
    statuses = {"a": running(ready=False), "b": running(), "c": running(), "d": {}}
    views = [view_pod(session_pod(name, status=status)) for name, status in statuses.items()]
    live.state.pods = {one.uid: one for one in views}
    assert choose_instance(live).name == "b" and choose_instance(live, "a").name == "a"
    with pytest.raises(ConflictError, match="no instance 'd' runs") as caught:
        choose_instance(live, "d")
    assert caught.value.cause == "running: a, b, c"


async def ran(call: Call) -> tuple[bytes, bytes, int]:
    """Give what a command printed, and its code."""
    output = {1: b"", 2: b""}
    while True:
        told = await call.wire.receive(calls.TOLD)
        if isinstance(told, calls.Output):
            output[told.stream] += await call.wire.receive_all(1 << 20)
        elif isinstance(told, calls.Exited):
            return output[1], output[2], told.code


async def test_a_command_gives_both_outputs_and_its_code(hub: Hub) -> None:
    def run(asked: messages.Run) -> tuple[bytes, bytes, int]:
        assert asked.argv == ("ls", "-l")
        return b"out", b"err", 3

    hub.space.containers["web-1"].run = run
    async with hub.call(calls.Exec("web", ("ls", "-l"))) as call:
        assert await call.until(calls.Connected) == calls.Connected("web-1")
        assert await ran(call) == (b"out", b"err", 3)


async def test_a_command_gets_input_and_its_end(hub: Hub) -> None:
    async with hub.call(calls.Exec("web", ("cat",), stdin=True)) as call:
        await call.until(calls.Connected)
        await call.wire.send_bytes([b"one", b"two"])
        assert await ran(call) == (b"onetwo", b"", 0)


async def test_a_command_in_the_place_of_the_services_own(hub: Hub) -> None:
    container = hub.space.containers["web-1"]
    async with hub.call(calls.Exec("web", ("sh",), replace=True, restore=True)) as call:
        assert (await ran(call))[2] == 0
    assert container.stops == 1 and len(container.starts) == 1


async def test_whoever_leaves_takes_what_he_started_along(hub: Hub) -> None:
    async with hub.call(calls.Exec("web", ("cat",), stdin=True)) as call:
        await call.until(calls.Connected)
        call.abort()
    container = hub.space.containers["web-1"]
    async with asyncio.timeout(20):
        while not any(
            isinstance(one, messages.Signal) for stream in container.streams for one in stream.heard
        ):
            await hub.ask(calls.Hello())


async def test_a_signal_reaches_the_command(hub: Hub) -> None:
    async with hub.call(calls.Exec("web", ("cat",), stdin=True)) as call:
        await call.until(calls.Connected)
        await call.wire.send(calls.ExecInput(15))
        assert await ran(call) == (b"", b"", -15)


@contextlib.asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    """Listen; answer, when the other side has ended, with all that it said."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        content = await reader.read()
        writer.write(b"you said " + content)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_port_is_carried_and_may_be_half_closed(hub: Hub) -> None:
    async with echoing() as port, hub.call(calls.Dial("web", port)) as call:
        assert await call.until(calls.Connected) == calls.Connected("web-1")
        await call.wire.send_bytes([b"hello ", b"there"])
        assert await call.wire.receive_all(100) == b"you said hello there"


async def test_a_workstation_that_leaves_a_port_ends_the_connection(hub: Hub) -> None:
    async with echoing() as port, hub.call(calls.Dial("web", port)) as call:
        await call.until(calls.Connected)
        await call.wire.send_chunk(b"and")
        call.abort()
    assert isinstance(await hub.ask(calls.Hello()), calls.Greeting)


async def test_a_port_at_which_nobody_listens_is_told(hub: Hub) -> None:
    async with echoing() as port:
        pass
    told = await hub.ask(calls.Dial("web", port))
    assert isinstance(told, calls.Problem) and told.final and told.code == 3
    assert told.message == f"nothing answers at port {port} of web-1"


async def test_what_the_cluster_says_of_a_session_is_told_when_asked_for(hub: Hub) -> None:
    async def happen(name: str) -> None:
        event = {
            "metadata": {"name": f"e-{name}", "namespace": "dev"},
            "involvedObject": {"kind": "Pod", "name": name},
            "reason": "Pulled",
            "message": "Container image\nis there",
        }
        await hub.space.client.create(resources.EVENTS, event)

    await happen("web-before")
    async with hub.call(calls.Attach("web", verbose=True)) as call:
        await call.until(calls.Running)
        for _ in range(20):
            await hub.ask(calls.Hello())
        await happen("other-1")
        await happen("web-1")
        assert (
            await call.until(calls.Line, source="event")
        ).text == "pods/web-1: Pulled: Container image is there"


def test_an_event_of_which_little_is_said() -> None:
    assert render_event({}) == "s/: : "
