from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.unit.app.hub.worlds import SETTINGS, Space, open_session, save
from tests.unit.sessions.samples import make_settings

from alcove.app.hub.kit import Kit
from alcove.app.hub.planning import Attempt, deployment_key
from alcove.app.hub.session import LiveSession
from alcove.sessions import calls


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return Space(tmp_path)


@pytest.fixture
async def kit(space: Space) -> Kit:
    return await space.begin()


@pytest.fixture
async def live(kit: Kit) -> LiveSession:
    live = open_session(kit)
    await kit.records.save(live.state.session)
    return live


async def again(space: Space) -> LiveSession:
    """Give the session as the next hub finds it."""
    kit = space.open()
    (session,) = await kit.records.load()
    return LiveSession(kit, session)


@pytest.mark.parametrize(
    ("phase", "attempt"),
    [
        ("Installing", Attempt(3, "b" * 64, "")),
        ("Building", Attempt(3, "b" * 64, deployment_key(SETTINGS))),
        ("Running", Attempt(3, "b" * 64, deployment_key(SETTINGS))),
        ("Failed", Attempt(3, "b" * 64, deployment_key(SETTINGS), failed=True)),
    ],
)
async def test_the_next_hub_knows_what_was_begun(
    space: Space, live: LiveSession, phase: str, attempt: Attempt
) -> None:
    await live.report(phase=phase, build=3, built="b" * 64)
    assert (await again(space)).state.attempt == attempt


async def test_nothing_was_begun(space: Space, live: LiveSession) -> None:
    found = await again(space)
    assert found.state.attempt is None and found.wanted is None and found.id == live.id


async def test_what_is_wanted_outlives_the_hub_with_its_settings(space: Space, live: LiveSession) -> None:
    tree = await save(live.kit)
    settings = make_settings(debug="node")
    await live.want(settings, tree, synchronization="s", synchronized_at=1.5)
    found = await again(space)
    assert found.wanted is not None and found.wanted.manifest == tree and found.wanted.settings == settings
    status = found.state.session.status
    assert (status.synchronization, status.synchronized_at) == ("s", 1.5)


async def test_what_the_store_lost_is_not_wanted(space: Space, live: LiveSession) -> None:
    await live.want(SETTINGS, await save(live.kit))
    live.kit.book.store.collect([])
    assert (await again(space)).wanted is None


async def test_a_cluster_that_does_not_answer_does_not_stop_the_work(space: Space, live: LiveSession) -> None:
    space.client.unreachable = True
    tree = await save(live.kit)
    await live.want(make_settings(debug="node"), tree)
    await live.fail("no")
    assert live.state.session.status.phase == "Failed" and live.wanted is not None
    space.client.unreachable = False
    await live.report(phase="Running")
    assert (await again(space)).state.session.status.phase == "Running"


async def test_reports_at_the_same_time_end_with_what_is_true(space: Space, live: LiveSession) -> None:
    async with asyncio.TaskGroup() as group:
        for build in range(5):
            group.create_task(live.report(build=build))
            group.create_task(live.report(release=f"r{build}"))
        group.create_task(live.want(make_settings(debug="node"), await save(live.kit)))
    found = (await again(space)).state.session
    assert (found.status.build, found.status.release, found.settings.debug) == (4, "r4", "node")


async def test_up_again_after_a_failure_tries_again(live: LiveSession) -> None:
    tree = await save(live.kit)
    live.state.attempt = Attempt(1, tree.id, deployment_key(SETTINGS), failed=True)
    await live.want(SETTINGS, tree)
    assert live.state.attempt is not None, "a save of nothing is no reason"
    await live.want(SETTINGS, tree, begins=True)
    assert live.state.attempt is None


async def test_phases_end_and_say_how(live: LiveSession) -> None:
    with live.announcer.follow() as follower:
        with live.phase("build") as end:
            end.failed = True
        with pytest.raises(KeyError), live.phase("install"):
            raise KeyError
        with pytest.raises(asyncio.CancelledError), live.phase("start"):
            raise asyncio.CancelledError
        told = [await follower.next() for _ in range(5)]
    ends = [(one.phase, one.failed) for one in told if isinstance(one, calls.PhaseEnded)]
    assert ends == [("build", True), ("install", True)]
    with live.announcer.follow() as follower:
        follower.put(calls.Notice("nothing stands"))
        assert await follower.next() == calls.Notice("nothing stands")


async def test_whoever_waits_hears_every_change(live: LiveSession) -> None:
    seen = live.version
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(live.changed(seen)) for _ in range(3)]
        await asyncio.sleep(0)
        live.wake()
    assert all(task.done() for task in waiting) and live.version == seen + 1
    await live.changed(seen)


async def test_only_the_newest_build_is_known_by_its_sources(live: LiveSession) -> None:
    tree = await save(live.kit)
    await live.report(build=2, built=tree.id)
    assert live.built_from(2) == tree and live.built_from(1) is None
    await live.report(build=3, built="")
    assert live.built_from(3) is None
