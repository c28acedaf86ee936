"""A session from its first tree to its end, through saves, failures and hubs that are killed."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.app.hub.trees import SOURCES
from tests.unit.app.hub.worlds import SETTINGS, Listener, Space, open_session, save

from alcove import aio
from alcove.app.hub.kit import Kit
from alcove.app.hub.runner import SessionRunner
from alcove.app.hub.session import LiveSession
from alcove.kube import resources
from alcove.kube.client import Selection
from alcove.sessions import calls
from alcove.sessions.objects import SESSIONS, Session


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return Space(tmp_path)


@contextlib.asynccontextmanager
async def running(live: LiveSession) -> AsyncIterator[Listener]:
    """Run a session, and hear what it tells."""
    with live.announcer.follow() as follower:
        async with aio.open_background(name="hub") as tasks:
            tasks.start(SessionRunner(live).run(), name="runner")
            yield Listener(follower)


async def opened(space: Space) -> tuple[Kit, LiveSession]:
    kit = await space.begin()
    live = open_session(kit)
    await kit.records.save(live.state.session)
    return kit, live


async def test_from_the_first_tree_to_a_service(space: Space) -> None:
    kit, live = await opened(space)
    async with running(live) as listener:
        tree = await save(kit)
        await live.want(SETTINGS, tree, begins=True)
        told = await listener.until(calls.Running)
    assert told == calls.Running(("web-1",), (calls.Port("web", "http", 80, 8080),), restarted=False)
    phases = [
        (one.phase, isinstance(one, calls.PhaseEnded))
        for one in listener.heard
        if isinstance(one, calls.PhaseBegan | calls.PhaseEnded)
    ]
    assert phases == [(phase, ended) for phase in ("install", "build", "start") for ended in (False, True)]
    assert [one.text for one in listener.told(calls.Line)] == ["STEP 1: Dockerfile", "done"]
    (stored,) = (await space.client.list(SESSIONS, Selection("dev"))).items
    assert stored["status"]["phase"] == "Running" and stored["status"]["manifest"] == tree.id
    assert stored["status"]["tag"] == f"{live.id}-1" and stored["status"]["release"].startswith("azds-")


async def up(space: Space) -> tuple[Kit, LiveSession]:
    """Give a session that serves, and whose hub has gone."""
    kit, live = await opened(space)
    async with running(live) as listener:
        tree = await save(kit)
        await live.want(SETTINGS, tree, begins=True)
        await listener.until(calls.Running)
    return kit, live


@pytest.mark.parametrize(
    ("changed", "kind", "restarts"),
    [({"static__index_html": b"<p>2</p>\n"}, "copy", 0), ({"app_py": b"print(2)\n"}, "restart", 1)],
)
async def test_a_save_arrives_in_the_container(
    space: Space, changed: dict[str, bytes], kind: str, restarts: int
) -> None:
    kit, live = await up(space)
    async with running(live) as listener:
        await live.want(SETTINGS, await save(kit, **changed))
        told = await listener.until(calls.Updated)
    container = space.containers["web-1"]
    assert (told.kind, told.files, told.instance) == (kind, 1, "web-1")
    assert len(container.starts) == restarts
    (content,) = changed.values()
    assert content in container.files.values() and live.build == 1


async def test_a_save_of_the_dockerfile_makes_a_new_image(space: Space) -> None:
    kit, live = await up(space)
    async with running(live) as listener:
        await live.want(SETTINGS, await save(kit, Dockerfile=b"FROM python:3\n"))
        told = await listener.until(calls.Running, restarted=True)
    assert told.instances == ("web-2",) and await space.pods() == ["web-2"]
    assert [request.image for request in space.builder.requests] == [f"web:{live.id}-{n}" for n in (1, 2)]


async def test_a_build_that_fails_is_mended_by_the_next_save(space: Space) -> None:
    kit, live = await up(space)
    async with running(live) as listener:
        await live.want(SETTINGS, await save(kit, Dockerfile=b"broken\n"))
        told = await listener.until(calls.Problem)
        assert (told.message, told.cause) == ("the image could not be built", "RUN make: exit code 1")
        assert live.state.session.status.phase == "Failed"
        assert "web-1" in await space.pods(), "the old version serves"
        await live.want(SETTINGS, await save(kit, Dockerfile=b"FROM python:3.12\n"))
        await listener.until(calls.Running, restarted=True)
    assert await space.pods() == ["web-3"] and live.state.session.status.phase == "Running"


async def test_a_chart_that_cannot_be_installed_is_told_and_tried_again_with_up(space: Space) -> None:
    from alcove.charts.errors import HelmError

    kit, live = await opened(space)
    space.driver.errors = [HelmError("cannot install", cause="quota")]
    tree = await save(kit)
    async with running(live) as listener:
        await live.want(SETTINGS, tree, begins=True)
        told = await listener.until(calls.Problem)
        assert (told.message, told.cause) == ("cannot install", "quota")
        await live.want(SETTINGS, tree, begins=True)
        await listener.until(calls.Running)
    assert space.driver.installed == [f"{live.id}-2"]


async def test_up_again_without_a_change_installs_nothing_and_says_that_it_runs(space: Space) -> None:
    kit, live = await up(space)
    async with running(live) as listener:
        await live.want(SETTINGS, await save(kit), begins=True)
        told = await listener.until(calls.Running)
    assert told.instances == ("web-1",) and len(space.driver.installed) == 1
    assert "install" not in {one.phase for one in listener.told(calls.PhaseBegan)}


async def test_a_build_that_vanishes_with_its_builder_begins_again(space: Space) -> None:
    space.builder.vanishes = 1
    _, live = await up(space)
    assert len(space.builder.requests) == 2 and live.state.session.status.phase == "Running"


async def test_an_old_build_that_fails_does_not_fail_the_new_one(space: Space) -> None:
    kit, live = await opened(space)
    space.builder.held.clear()
    async with running(live) as listener:
        first = await save(kit, Dockerfile=b"broken\n")
        await live.want(SETTINGS, first, begins=True)
        await listener.until(calls.Line, source="build")
        space.driver.held.clear()
        second = await save(kit, Dockerfile=b"FROM python:3\n")
        await live.want(SETTINGS, second)
        await listener.until(calls.PhaseBegan, phase="install")
        space.builder.held.set()
        space.driver.held.set()
        await listener.until(calls.Running)
    assert not listener.told(calls.Problem) and live.build == 2


async def test_an_installation_that_was_broken_off_begins_anew(space: Space) -> None:
    kit, live = await opened(space)
    space.driver.held.clear()
    tree = await save(kit)
    async with running(live) as listener:
        await live.want(SETTINGS, tree, begins=True)
        await listener.until(calls.PhaseBegan, phase="install")
    assert not listener.told(calls.PhaseEnded)
    space.driver.held.set()
    async with running(live) as listener:
        await listener.until(calls.Running)
    assert live.build == 2


async def test_two_nodes_of_which_one_fails_do_not_spin(space: Space) -> None:
    """A pod that gets its image after the attempt has failed must not make the session start."""
    kit, live = await up(space)
    async with running(live):
        await live.fail("the image could not be built")
        await live.report(phase="Starting")
        live.wake()
        for _ in range(20):
            await asyncio.sleep(0)
    assert live.state.session.status.phase == "Starting" and kit.namespace == "dev"


async def test_sources_that_were_lost_while_they_were_built_are_built_when_they_come_again(
    space: Space,
) -> None:
    kit, live = await opened(space)
    space.builder.held.clear()
    async with running(live) as listener:
        await live.want(SETTINGS, await save(kit), begins=True)
        await listener.until(calls.Line, source="build")
    space.builder.held.set()
    space.directory = space.directory / "another"
    kit = space.open()
    (session,) = await kit.records.load()
    live = LiveSession(kit, session)
    assert live.wanted is None
    async with running(live) as listener:
        while not live.current:
            await live.changed(live.version)
        await live.want(SETTINGS, await save(kit), begins=True)
        await listener.until(calls.Running)
    assert live.build == 1


async def run_for(live: LiveSession, steps: int) -> None:
    """Run a hub for a while, then kill it."""
    async with running(live):
        for _ in range(steps):
            await asyncio.sleep(0)


async def killed_at(steps: list[int], directory: Path) -> Space:
    """Let hubs begin, each killed after some steps, the last one not; give the space when it serves."""
    space = Space(directory)
    kit, live = await opened(space)
    tree = await save(kit, app_py=b"print(3)\n")
    await live.want(SETTINGS, tree, begins=True)
    for count in steps:
        await run_for(live, count)
        kit = space.open()
        (session,) = await kit.records.load()
        live = LiveSession(kit, session)
        assert live.wanted is not None and live.wanted.manifest == tree
    async with running(live) as listener:
        if live.state.session.status.phase != "Running":
            await listener.until(calls.Running)
    return space


@settings(max_examples=25)
@given(st.lists(st.integers(0, 250), max_size=3))
def test_a_hub_may_be_killed_at_any_step(steps: list[int]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        space = asyncio.run(killed_at(steps, Path(directory)))
        (pod,) = space.containers
        container = space.containers[pod]
        wanted = {f"/app/{path}": content for path, content in SOURCES.items()}
        assert container.files == {**wanted, "/app/app.py": b"print(3)\n"}
        assert asyncio.run(statuses(space)) == ["Running"]


async def statuses(space: Space) -> list[str]:
    found = await space.client.list(SESSIONS, Selection("dev"))
    return [item["status"]["phase"] for item in found.items]


@settings(max_examples=15)
@given(st.integers(0, 60), st.sampled_from(["app_py", "static__index_html", "Dockerfile"]))
def test_a_save_outlives_a_hub_that_is_killed_while_it_arrives(steps: int, name: str) -> None:
    async def scenario(directory: Path) -> Space:
        space = Space(directory)
        kit, live = await up(space)
        tree = await save(kit, **{name: b"print('saved')\n"})
        async with running(live):
            await live.want(SETTINGS, tree)
            for _ in range(steps):
                await asyncio.sleep(0)
        kit = space.open()
        (session,) = await kit.records.load()
        live = LiveSession(kit, session)
        async with running(live) as listener:
            await live.want(SETTINGS, tree, begins=True)
            await listener.until(calls.Running)
        return space

    with tempfile.TemporaryDirectory() as directory:
        space = asyncio.run(scenario(Path(directory)))
        (container,) = space.containers.values()
        assert b"print('saved')\n" in container.files.values()
        assert not container.applied.endswith("+")


async def test_pods_that_go_are_followed_no_more(space: Space) -> None:
    _, live = await up(space)
    async with running(live):
        while not live.workers:
            await live.changed(live.version)
        await space.end_pod("web-1")
        while live.state.pods:
            await live.changed(live.version)
        await asyncio.sleep(0)
    assert not live.workers and Session(live.id, SETTINGS).id == live.id
    assert not (await space.client.list(resources.PODS, Selection("dev"))).items
