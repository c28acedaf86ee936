from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.unit.app.hub.worlds import SETTINGS, Listener, Space, save

from alcove import aio
from alcove.app.hub.projects import GONE, Projects
from alcove.charts.errors import HelmError
from alcove.errors import ConflictError
from alcove.kube import resources
from alcove.kube.client import Selection
from alcove.sessions import calls
from alcove.sessions.ids import belongs_to
from alcove.sessions.objects import SESSIONS
from alcove.sessions.settings import UpSettings


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return Space(tmp_path)


@pytest.fixture
async def tasks() -> AsyncIterator[aio.Background]:
    async with aio.open_background(name="hub") as tasks:
        yield tasks


@pytest.fixture
async def projects(space: Space, tasks: aio.Background) -> Projects:
    return Projects(await space.begin(), tasks)


def of(name: str, project_id: str) -> UpSettings:
    project = msgspec.structs.replace(SETTINGS.project, name=name, id=project_id)
    return msgspec.structs.replace(SETTINGS, project=project)


async def up(space: Space, projects: Projects) -> Listener:
    """Bring a project up; give who follows it."""
    live = await projects.open(SETTINGS)
    following = live.announcer.follow()
    listener = Listener(following.__enter__())
    listener.following = following
    await live.want(SETTINGS, await save(live.kit), begins=True)
    await listener.until(calls.Running)
    assert space.containers
    return listener


async def test_a_project_has_one_session_however_often_it_is_opened(projects: Projects) -> None:
    async with asyncio.TaskGroup() as group:
        opened = [group.create_task(projects.open(SETTINGS)) for _ in range(3)]
    assert len({one.result().id for one in opened}) == 1
    other = await projects.open(of("web", "ba9876543210"))
    assert other.id != opened[0].result().id and belongs_to(other.id, "dev")
    assert len(projects.sessions) == 2


async def test_what_there_was_is_gone_on_with(
    space: Space, projects: Projects, tasks: aio.Background
) -> None:
    live = await projects.open(SETTINGS)
    again = Projects(space.open(), tasks)
    await again.load()
    assert set(again.sessions) == {live.id}
    assert (await again.open(SETTINGS)).id == live.id


async def test_sessions_are_found_by_what_people_call_them(projects: Projects) -> None:
    web = await projects.open(SETTINGS)
    api = await projects.open(of("api", "ba9876543210"))
    for name in (web.id, web.id[:-1], "web", SETTINGS.project.id):
        assert projects.find(name) is web
    assert projects.find("api") is api
    with pytest.raises(ConflictError, match="more than one session"):
        projects.find(web.id[:5])
    for name in ("s", "", "we", "nobody"):
        with pytest.raises(ConflictError, match="no session"):
            projects.find(name)


async def test_where_there_is_none_the_hint_says_how_to_begin(projects: Projects) -> None:
    with pytest.raises(ConflictError) as caught:
        projects.find("web")
    assert caught.value.hint == "alcove up starts one"


async def test_down_takes_everything_and_tells_who_follows(space: Space, projects: Projects) -> None:
    listener = await up(space, projects)
    (live,) = projects.sessions.values()
    (view,) = await projects.views()
    assert view.instances == ("web-1",) and view.phase == "Running"
    removed = await projects.remove(live)
    assert removed == (f"release {view.release}", f"session {live.id}")
    assert (await listener.until(calls.Problem, final=True)).message == GONE
    assert not projects.sessions and not await projects.views()
    for resource in (SESSIONS, resources.SECRETS, resources.PODS):
        assert not (await space.client.list(resource, Selection("dev"))).items
    assert live.kit.book.store.size == 0, "its sources are dropped"


async def test_when_helm_fails_the_session_goes_on(space: Space, projects: Projects) -> None:
    listener = await up(space, projects)
    (live,) = projects.sessions.values()
    uninstall = space.driver.uninstall

    async def fail(name: str, namespace: str) -> None:
        raise HelmError(f"cannot uninstall {name} of {namespace}")

    space.driver.uninstall = fail  # type: ignore[method-assign]
    with pytest.raises(HelmError):
        await projects.remove(live)
    assert projects.find("web") is live
    await live.want(SETTINGS, await save(live.kit, app_py=b"print(9)"))
    assert (await listener.until(calls.Updated)).kind == "restart"
    space.driver.uninstall = uninstall  # type: ignore[method-assign]
    assert await projects.remove(live)


async def installed(space: Space) -> bool:
    """Tell whether Helm has begun."""
    return bool((await space.client.list(resources.SECRETS, Selection("dev"))).items)


async def test_down_in_the_middle_of_an_installation_leaves_nothing(space: Space, projects: Projects) -> None:
    space.driver.held.clear()
    live = await projects.open(SETTINGS)
    with live.announcer.follow() as follower:
        await live.want(SETTINGS, await save(live.kit), begins=True)
        await Listener(follower).until(calls.PhaseBegan, phase="install")
        while not await installed(space):
            pass
    removed = await projects.remove(live)
    assert len(removed) == 2
    assert not (await space.client.list(resources.SECRETS, Selection("dev"))).items


async def test_what_is_on_its_way_is_not_dropped(projects: Projects) -> None:
    live = await projects.open(SETTINGS)
    tree = await save(live.kit)
    with projects.receiving(), projects.receiving():
        projects.collect()
    with projects.receiving():
        projects.collect()
        assert live.kit.book.read(tree.id) == tree
    projects.collect()
    assert live.kit.book.read(tree.id) is None


async def test_what_a_session_was_built_from_and_has_is_kept(space: Space, projects: Projects) -> None:
    await up(space, projects)
    (live,) = projects.sessions.values()
    built = live.state.session.status.built
    tree = await save(live.kit, app_py=b"print(2)")
    await live.want(SETTINGS, tree)
    unused = await save(live.kit, app_py=b"never")
    projects.collect()
    assert live.kit.book.read(built) and live.kit.book.read(tree.id)
    assert live.kit.book.read(unused.id) is None


async def test_errors_of_the_cluster_do_not_end_a_session(space: Space, projects: Projects) -> None:
    listener = await up(space, projects)
    (live,) = projects.sessions.values()
    space.client.break_watches()
    space.client.forget_history()
    await live.want(SETTINGS, await save(live.kit, app_py=b"print(5)"))
    await listener.until(calls.Updated)
    assert live.state.session.status.phase == "Running"
