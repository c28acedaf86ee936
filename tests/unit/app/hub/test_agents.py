from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.app.hub.agents import Container
from tests.unit.app.hub.pods import ID, running, session_pod
from tests.unit.app.hub.trees import SOURCES
from tests.unit.app.hub.worlds import SETTINGS, Listener, Space, open_session, save

from alcove import aio
from alcove.agents import messages
from alcove.agents.messages import State
from alcove.app.hub.agents import AgentWorker, Instance
from alcove.app.hub.planning import command_key
from alcove.app.hub.pods import view_pod
from alcove.app.hub.session import LiveSession
from alcove.kube import resources
from alcove.sessions import calls
from alcove.sessions.settings import CommandSettings, ContainerSettings, Iteration

KEY = command_key(SETTINGS)


class Desk:
    """One container with its agent, and the session that it is of."""

    def __init__(self, live: LiveSession, container: Container) -> None:
        self.live = live
        self.container = container
        view = view_pod(session_pod(status=running()))
        live.state.pods = {view.uid: view}
        instance = Instance("dev", ID, view, view.containers[0])
        self.worker = AgentWorker(live.kit, instance, live, tell=live.tell, settled=live.wake)

    @contextlib.asynccontextmanager
    async def works(self) -> AsyncIterator[Listener]:
        with self.live.announcer.follow() as follower:
            async with aio.open_background(name="worker") as tasks:
                tasks.start(self.worker.run(), name="run")
                yield Listener(follower)

    async def save(self, **changed: bytes) -> str:
        """Want the sources with some files changed; give the tree's id."""
        tree = await save(self.live.kit, **changed)
        await self.live.want(self.live.state.session.settings, tree)
        return tree.id

    async def settle(self) -> None:
        while self.live.wanted is None or not self.worker.has(self.live.wanted):
            await self.live.changed(self.live.version)


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    return await make_desk(tmp_path, Container(ID, files=image_files()))


def image_files(**changed: bytes) -> dict[str, bytes]:
    return {f"/app/{path}": content for path, content in {**SOURCES, **changed}.items()}


async def make_desk(tmp_path: Path, agent: Container, /, **settings: Any) -> Desk:
    """Give a container of a session whose first tree its image was built from."""
    space = Space(tmp_path)
    kit = await space.begin()
    live = open_session(kit, **settings)
    await kit.records.save(live.state.session)
    await space.client.create(resources.PODS, session_pod(status=running()))
    space.client.agents["web-1", 15090] = agent
    built = await save(kit)
    await live.report(build=1, built=built.id)
    return Desk(live, agent)


async def test_a_container_as_it_was_built_needs_nothing(desk: Desk) -> None:
    async with desk.works():
        await desk.save()
        await desk.settle()
    assert not desk.container.starts and not desk.container.stops


async def test_what_differs_from_the_image_is_found_by_asking(desk: Desk) -> None:
    tree = await desk.save(app_py=b"2", new__file_py=b"n")
    async with desk.works() as listener:
        told = await listener.until(calls.Updated)
    assert (told.kind, told.files) == ("restart", 3)
    assert desk.container.files["/app/app.py"] == b"2" and desk.container.files["/app/new/file.py"] == b"n"
    assert desk.container.applied == f"{tree}.{KEY}" and len(desk.container.starts) == 1


async def test_what_was_removed_since_the_build_is_removed(desk: Desk) -> None:
    kit = desk.live.kit
    tree = await save(kit)
    entries = {path: one for path, one in tree.entries.items() if path != "static/index.html"}
    smaller = type(tree)(entries)
    await kit.book.add(smaller)
    await desk.live.want(SETTINGS, smaller)
    async with desk.works() as listener:
        assert (await listener.until(calls.Updated)).kind == "copy"
    assert "/app/static/index.html" not in desk.container.files


@pytest.mark.parametrize("broken", [messages.Begin, messages.Commit, messages.Stop, messages.Start])
async def test_a_connection_that_breaks_is_gone_on_with(desk: Desk, broken: type[messages.Message]) -> None:
    tree = await desk.save(app_py=b"2")
    desk.container.breaks_at = broken
    async with desk.works() as listener:
        await listener.until(calls.Updated)
    assert desk.container.applied == f"{tree}.{KEY}" and desk.container.files["/app/app.py"] == b"2"
    assert desk.container.starts


async def test_a_restart_that_a_lost_hub_left_is_finished(tmp_path: Path) -> None:
    container = Container(ID, files=image_files(**{"app.py": b"2"}))
    desk = await make_desk(tmp_path, container)
    tree = await desk.save(app_py=b"2")
    container.applied = f"{tree}.{KEY}+"
    async with desk.works() as listener:
        assert (await listener.until(calls.Updated)).reason == "it was interrupted before"
    assert container.applied == f"{tree}.{KEY}" and len(container.starts) == 1


async def test_a_container_that_began_again_is_brought_up_to_date_before_its_command_once(
    tmp_path: Path,
) -> None:
    container = Container(ID, state=State.WAITING, files=image_files())
    desk = await make_desk(tmp_path, container)
    async with desk.works() as listener:
        await desk.save(app_py=b"2")
        assert (await listener.until(calls.Updated)).kind == "restart"
        assert len(container.starts) == 1
        await desk.save(app_py=b"2", static__index_html=b"3")
        assert (await listener.until(calls.Updated)).kind == "copy"
    assert len(container.starts) == 1


async def test_what_cannot_be_written_is_told_and_the_next_save_tries_again(desk: Desk) -> None:
    desk.container.unwritable = "app.py"
    async with desk.works() as listener:
        await desk.save(app_py=b"2")
        told = await listener.until(calls.Problem)
        assert told.cause == "Permission denied" and "Dockerfile" in told.hint
        assert desk.worker.has(desk.live.wanted)  # type: ignore[arg-type]
        desk.container.unwritable = ""
        await desk.save(app_py=b"3")
        await listener.until(calls.Updated)
    assert desk.container.files["/app/app.py"] == b"3"


async def test_processes_are_ended_and_built_before_the_command_starts(tmp_path: Path) -> None:
    ran: list[tuple[str, ...]] = []

    def run(asked: messages.Run) -> tuple[bytes, bytes, int]:
        ran.append((asked.workdir, *asked.argv))
        return b"", b"", 0

    iterate = Iteration(("dotnet",), (("make", "all"), ("make", "install")))
    container = Container(
        ID, files={path.replace("/app", "/src"): c for path, c in image_files().items()}, run=run
    )
    settings = ContainerSettings("/src", ("**/*",), (), iterate)
    desk = await make_desk(
        tmp_path, container, container=settings, command=CommandSettings(("run",), {"A": "b"})
    )
    async with desk.works() as listener:
        await desk.save(app_py=b"2")
        await listener.until(calls.Updated)
    assert ran == [("/src", "make", "all"), ("/src", "make", "install")]
    assert container.starts == [("run", "A=b")] and container.files["/src/app.py"] == b"2"
    (stop,) = [one for one in container.streams[-1].heard if isinstance(one, messages.Stop)]
    assert stop.names == ("dotnet",)


async def test_a_build_command_that_fails_starts_nothing(tmp_path: Path) -> None:
    container = Container(ID, files=image_files(), run=lambda _run: (b"", b"no", 2))
    settings = ContainerSettings(None, ("**/*",), (), Iteration((), (("make",),)))
    desk = await make_desk(tmp_path, container, container=settings)
    async with desk.works() as listener:
        await desk.save(app_py=b"2")
        assert (await listener.until(calls.Problem)).message == "make ended with exit code 2 in web-1"
    assert not container.starts


async def test_what_needs_a_new_image_is_left_to_it(desk: Desk) -> None:
    async with desk.works():
        await desk.save(Dockerfile=b"FROM other")
        for _ in range(100):
            await asyncio.sleep(0)
    assert not desk.container.starts and desk.container.files == image_files()


async def test_nothing_is_started_that_is_held(tmp_path: Path) -> None:
    container = Container(ID, state=State.HELD, files=image_files())
    desk = await make_desk(tmp_path, container, command=CommandSettings(hold=True))
    async with desk.works():
        await desk.save(app_py=b"2")
        await desk.settle()
    assert container.files["/app/app.py"] == b"2" and not container.starts


async def test_a_container_that_has_to_be_prepared_starts_with_its_debugger(tmp_path: Path) -> None:
    container = Container(ID, state=State.HELD, files=image_files())
    desk = await make_desk(tmp_path, container, debug="node")
    async with desk.works() as listener:
        await desk.save()
        assert (await listener.until(calls.Updated)).reason == "the container was prepared"
        await desk.save(app_py=b"2")
        await listener.until(calls.Updated)
    assert [start[-1] for start in container.starts] == ["NODE_OPTIONS=--inspect=0.0.0.0:9229"] * 2


async def test_what_happens_to_the_command_is_told(desk: Desk) -> None:
    async with desk.works() as listener:
        await desk.save()
        await desk.settle()
        desk.container.streams[-1].say(messages.CommandExited(-9))
        assert await listener.until(calls.CommandEnded) == calls.CommandEnded("web-1", -9)
        desk.container.streams[-1].say(messages.CommandStarted(8))
        assert await listener.until(calls.CommandStarted) == calls.CommandStarted("web-1", 8)
