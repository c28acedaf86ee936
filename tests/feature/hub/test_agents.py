"""A container that the hub keeps as it is wanted, with the real agent and a real command in it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.feature.agents.conftest import TcpStream, open_stream
from tests.unit.app.hub.pods import running, session_pod
from tests.unit.app.hub.trees import SOURCES, keep
from tests.unit.app.hub.worlds import Listener, Space
from tests.unit.native.hub import SESSION, Container
from tests.unit.sessions.samples import make_settings

from alcove import aio
from alcove.app.hub.agents import AgentWorker, Instance
from alcove.app.hub.kit import Kit
from alcove.app.hub.pods import view_pod
from alcove.app.hub.session import LiveSession
from alcove.kube import resources
from alcove.sessions import calls
from alcove.sessions.objects import Session
from alcove.sessions.settings import ContainerSettings, Iteration
from alcove.sync.manifest import Manifest


class Desk:
    """A session and the one container that it has."""

    def __init__(self, space: Space, kit: Kit, pod: Container) -> None:
        self.space = space
        self.kit = kit
        self.pod = pod
        container = ContainerSettings(str(pod.root), ("**/*",), (), Iteration())
        self.settings = make_settings(container=container)
        self.live = LiveSession(kit, Session(SESSION, self.settings))
        self.connections: list[TcpStream] = []

        @contextlib.asynccontextmanager
        async def connect(namespace: str, name: str, port: int) -> AsyncIterator[TcpStream]:
            async with open_stream(pod.port) as stream:
                self.connections.append(stream)
                yield stream

        space.client.connect = connect  # type: ignore[method-assign,assignment]

    async def begin(self) -> None:
        await self.kit.records.save(self.live.state.session)
        item = session_pod(status=running())
        await self.space.client.create(resources.PODS, item)
        self.live.state.pods = {"p": view_pod(item)}
        built = await self.keep(SOURCES)
        await self.live.report(build=1, built=built.id)

    async def keep(self, files: dict[str, bytes]) -> Manifest:
        tree = keep(self.kit.book.store, files)
        await self.kit.book.add(tree)
        return tree

    async def save(self, **changed: bytes) -> Manifest:
        names = {name.replace("__", "/").replace("_", "."): content for name, content in changed.items()}
        tree = await self.keep({**SOURCES, **names})
        await self.live.want(self.settings, tree)
        return tree

    @contextlib.asynccontextmanager
    async def works(self) -> AsyncIterator[Listener]:
        (view,) = self.live.state.pods.values()
        instance = Instance("dev", SESSION, view, view.containers[0])
        worker = AgentWorker(self.kit, instance, self.live, tell=self.live.tell, settled=self.live.wake)
        with self.live.announcer.follow() as follower:
            async with aio.open_background(name="worker") as tasks:
                tasks.start(worker.run(), name="run")
                yield Listener(follower)

    def files(self) -> dict[str, bytes]:
        """Give what is synchronized and there."""
        found = {path: path.read_bytes() for path in self.pod.root.rglob("*") if path.is_file()}
        return {str(path.relative_to(self.pod.root)): content for path, content in found.items()}


@pytest.fixture
async def desk(pod: Container, tmp_path: Path) -> Desk:
    pod.begin("sh", "-c", "echo started; exec sleep 600")
    space = Space(tmp_path / "hub")
    desk = Desk(space, await space.begin(), pod)
    await desk.begin()
    return desk


SYNCED = {path: SOURCES[path] for path in ("app.py", "static/index.html")}


async def test_an_empty_container_gets_all_that_is_wanted(desk: Desk) -> None:
    await desk.save()
    async with desk.works() as listener:
        told = await listener.until(calls.Updated)
    assert told.kind == "restart" and desk.files() == SYNCED


async def test_saves_arrive_and_only_code_restarts(desk: Desk) -> None:
    async with desk.works() as listener:
        await desk.save()
        await listener.until(calls.Updated)
        await desk.save(static__index_html=b"two")
        assert (await listener.until(calls.Updated)).kind == "copy"
        await desk.save(static__index_html=b"two", app_py=b"print(2)")
        await listener.until(calls.CommandStarted)
        assert (await listener.until(calls.Updated)).kind == "restart"
    assert desk.files() == {"app.py": b"print(2)", "static/index.html": b"two"}


async def test_connections_that_break_lose_nothing(desk: Desk) -> None:
    async with desk.works() as listener:
        await desk.save()
        await listener.until(calls.Updated)
        for number in range(5):
            content = str(number).encode() * 50_000
            await desk.save(static__index_html=content)
            desk.connections[-1].writer.transport.abort()
            while desk.files().get("static/index.html") != content:
                await desk.live.changed(desk.live.version)
    assert desk.files()["app.py"] == SOURCES["app.py"]


async def test_another_hub_goes_on_where_the_last_one_was(desk: Desk) -> None:
    async with desk.works() as listener:
        await desk.save()
        await listener.until(calls.Updated)
    again = Desk(desk.space, desk.space.open(), desk.pod)
    again.live.state.pods = desk.live.state.pods
    status = msgspec.structs.replace(desk.live.state.session.status)
    again.live.state.session = msgspec.structs.replace(again.live.state.session, status=status)
    async with again.works() as listener:
        await again.save(app_py=b"print(7)")
        told = await listener.until(calls.Updated)
    assert told.files == 1, "what is there is known and not compared"
    assert again.files()["app.py"] == b"print(7)"
