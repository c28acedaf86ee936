from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.unit.app.hub.agents import Container
from tests.unit.app.hub.pods import ID, WAITS, image, session_pod
from tests.unit.app.hub.worlds import CONFIG, NODE, Space, open_session, save
from tests.unit.sessions.samples import make_settings

from alcove.agents import messages
from alcove.agents.messages import State
from alcove.app.hub.handover import give_image
from alcove.app.hub.images import BuildRun
from alcove.app.hub.planning import Attempt
from alcove.app.hub.pods import PodView, view_pod
from alcove.app.hub.session import LiveSession
from alcove.builds.requests import Failed
from alcove.kube import resources
from alcove.sessions.settings import CommandSettings


class Desk:
    """A pod that waits, and the run that makes its image."""

    def __init__(self, live: LiveSession, pod: PodView, container: Container) -> None:
        self.live = live
        self.pod = pod
        self.container = container
        self.heard: list[messages.Built] = []
        self.run = live.state.builds.setdefault((NODE, image()), BuildRun())

        async def built(message: messages.Built) -> None:
            self.heard.append(message)

        container.built = built


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    space = Space(tmp_path)
    kit = await space.begin()
    settings = make_settings(command=CommandSettings(("run",), {"A": "b"}))
    live = open_session(kit)
    await kit.records.save(live.state.session)
    await live.want(settings, await save(kit))
    live.state.attempt = Attempt(1, "m", "k")
    await live.report(build=1, phase="Building")
    pod = session_pod(status=WAITS)
    await space.client.create(resources.PODS, pod)
    container = Container(ID, "build", State.WAITING)
    space.client.agents["web-1", 15080] = container
    return Desk(live, view_pod(pod), container)


async def test_a_pod_is_told_what_the_build_prints_and_what_the_image_says(desk: Desk) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(give_image(desk.live, desk.pod))
        desk.run.add("STEP 1")
        await asyncio.sleep(0)
        desk.run.add("é")
        desk.run.end(CONFIG)
    assert b"".join(desk.container.logs).decode() == "STEP 1\né\n"
    assert desk.container.settings == messages.Settings(("run",), ("A=b",), "", hold=False)
    assert desk.heard == [messages.Built(("python",), ("app.py",), "/app", "1000", ("A=b",))]
    assert desk.live.state.session.status.phase == "Starting"


async def test_a_pod_whose_image_failed_is_told_why_and_left(desk: Desk) -> None:
    desk.run.end(Failed("exit code 1", "RUN make"))
    await give_image(desk.live, desk.pod)
    assert desk.container.failures == ["RUN make: exit code 1"] and not desk.heard
    assert desk.live.state.session.status.phase == "Building"


@pytest.mark.parametrize("broken", [messages.HubHello, messages.Log, messages.Settings, messages.Built])
async def test_a_connection_that_breaks_is_begun_again(desk: Desk, broken: type[messages.Message]) -> None:
    desk.run.add("line")
    desk.run.end(CONFIG)
    desk.container.breaks_at = broken
    await give_image(desk.live, desk.pod)
    assert len(desk.heard) == 1


async def test_an_attempt_that_was_given_up_does_not_start(desk: Desk) -> None:
    desk.run.end(CONFIG)
    await desk.live.fail("another node's build failed")
    await give_image(desk.live, desk.pod)
    assert desk.heard and desk.live.state.session.status.phase == "Failed"


async def test_a_command_whose_container_has_to_be_prepared_is_held(desk: Desk) -> None:
    assert desk.live.wanted is not None
    await desk.live.want(make_settings(debug="node"), desk.live.wanted.manifest)
    desk.run.end(CONFIG)
    await give_image(desk.live, desk.pod)
    assert desk.container.settings is not None and desk.container.settings.hold
