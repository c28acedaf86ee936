"""Logs, commands and ports of pods, as users reach them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.kubelet.worlds import FakeProcess, World, container, in_world, pod, state_of

from alcove.embedded.faults import ApiError
from alcove.embedded.kubelet.access import choose_container, choose_run
from alcove.embedded.kubelet.context import PODS
from alcove.embedded.objects import Object
from alcove.embedded.ports import ExecRequest, LogQuery


@pytest.mark.parametrize(
    ("spec", "wanted", "told"),
    [
        ({}, "", "a container name must be specified for pod web, choose one of: [a b]"),
        (
            {"initContainers": [container("i")]},
            "",
            (
                "a container name must be specified for pod web, choose one of: [a b] "
                "or one of the init containers: [i]"
            ),
        ),
        ({}, "x", "container x is not valid for pod web"),
    ],
)
def test_the_container_has_to_be_known(spec: dict[str, Any], wanted: str, told: str) -> None:
    with pytest.raises(ApiError) as caught:
        choose_container(pod(container("a"), container("b"), **spec), wanted)
    assert (caught.value.code, caught.value.message) == (400, told)


def test_the_only_container_need_not_be_named() -> None:
    assert choose_container(pod(), "") == "main"


def shown(**status: Any) -> Object:
    return {**pod(), "status": {"containerStatuses": [{"name": "main", "restartCount": 3, **status}]}}


ENDED = {"terminated": {"exitCode": 1}}
RUNNING: Object = {"running": {}}
WAITING: Object = {"waiting": {"reason": "CrashLoopBackOff"}}


@pytest.mark.parametrize(
    ("status", "previous", "run"),
    [
        ({"state": RUNNING}, False, 3),
        ({"state": RUNNING, "lastState": ENDED}, True, 2),
        ({"state": WAITING, "lastState": ENDED}, False, 3),
        ({"state": WAITING, "lastState": ENDED}, True, 3),
        ({"state": ENDED, "lastState": ENDED}, True, 2),
    ],
)
def test_the_run_that_is_meant(status: Object, previous: bool, run: int) -> None:
    assert choose_run(shown(**status), "main", previous=previous) == run


@pytest.mark.parametrize(
    ("item", "previous", "told"),
    [
        (pod(), False, 'container "main" in pod "web" is waiting to start: ContainerCreating'),
        (
            shown(state={"waiting": {"reason": "ContainerCreating"}}),
            False,
            'container "main" in pod "web" is waiting to start: ContainerCreating',
        ),
        (
            shown(state={"waiting": {"reason": "ImagePullBackOff"}}),
            False,
            'container "main" in pod "web" is waiting to start: trying and failing to pull image',
        ),
        (shown(state=RUNNING), True, 'previous terminated container "main" in pod "web" not found'),
    ],
)
def test_a_run_that_is_not_there_is_told(item: Object, previous: bool, told: str) -> None:
    with pytest.raises(ApiError) as caught:
        choose_run(item, "main", previous=previous)
    assert (caught.value.code, caught.value.message) == (400, told)


async def log(world: World, **query: Any) -> bytes:
    return b"".join([piece async for piece in world.kubelet.read_log("default", "web", LogQuery(**query))])


@in_world
async def test_the_log_of_a_run_is_kept_while_the_next_one_waits(world: World) -> None:
    words = iter([b"first\n", b"second\n", b"third\n"])

    def script(process: FakeProcess) -> None:
        process.write(next(words))
        process.exit(1)

    world.launcher.script = script
    await world.create()
    await world.until(
        lambda item: "waiting" in state_of(item).get("state", {}) and state_of(item)["lastState"]
    )
    assert await log(world) == b"second\n"
    assert await log(world, previous=True) == b"second\n"
    await world.until(lambda item: state_of(item).get("restartCount") == 2)
    assert await log(world, previous=True) in (b"second\n", b"third\n")


@in_world
async def test_a_followed_log_ends_with_its_container(world: World) -> None:
    await world.create(restartPolicy="Never")
    await world.ready()
    process = world.launcher.latest("main")
    process.write(b"one\n")
    followed = world.kubelet.read_log("default", "web", LogQuery(follow=True))
    assert await anext(followed) == b"one\n"
    process.write(b"two\n")
    process.exit(0)
    assert [piece async for piece in followed] == [b"two\n"]


@in_world
async def test_a_pod_without_a_place_has_an_empty_log(world: World) -> None:
    await world.create(schedulingGates=[{"name": "wait"}])
    assert await log(world) == b""


@in_world
async def test_a_pod_that_is_not_there_has_no_log(world: World) -> None:
    with pytest.raises(ApiError) as caught:
        world.kubelet.read_log("default", "none", LogQuery())
    assert caught.value.code == 404


@in_world
async def test_a_command_answers_on_both_streams(world: World) -> None:
    def script(process: FakeProcess) -> None:
        process.write(b"out")
        process.exit(7)

    world.launcher.exec_script = script
    await world.create()
    await world.ready()
    async with world.kubelet.open_exec(ExecRequest("default", "web", "", ("x",), stdin=True)) as session:
        await session.close_stdin()
        assert [piece async for piece in session.output()] == [(1, b"out")]
        assert (await session.wait()).code == 7


@in_world
async def test_a_command_ends_with_its_session(world: World) -> None:
    world.launcher.exec_script = lambda process: None
    await world.create()
    await world.ready()
    async with world.kubelet.open_exec(ExecRequest("default", "web", "", ("x",))):
        pass
    assert world.launcher.execs[0].signals == [9]


@in_world
async def test_a_command_that_cannot_start_says_why(world: World) -> None:
    await world.create()
    await world.ready()
    world.launcher.refusal = 'exec: "x": executable file not found in $PATH'
    async with world.kubelet.open_exec(ExecRequest("default", "web", "", ("x",), stdin=True)) as session:
        assert [piece async for piece in session.output()] == []
        assert (await session.wait()).message == world.launcher.refusal


@in_world
async def test_a_terminal_has_one_stream_and_a_size(world: World) -> None:
    def script(process: FakeProcess) -> None:
        process.write(b"prompt> ")
        process.exit(0)

    world.launcher.exec_script = script
    await world.create()
    await world.ready()
    request = ExecRequest("default", "web", "main", ("sh",), stdin=True, tty=True)
    async with world.kubelet.open_exec(request) as session:
        session.resize(100, 40)
        assert [piece async for piece in session.output()] == [(1, b"prompt> ")]
    assert world.launcher.execs[0].process.environment["TERM"] == "xterm"


@in_world
async def test_no_command_runs_beside_a_container_that_does_not(world: World) -> None:
    world.launcher.script = lambda process: process.exit(0)
    await world.create(restartPolicy="Never")
    await world.phase("Succeeded")
    with pytest.raises(ApiError, match="container not found") as caught:
        async with world.kubelet.open_exec(ExecRequest("default", "web", "", ("x",))):
            pass
    assert caught.value.code == 404


@in_world
async def test_ports_are_those_of_the_pods_own_loopback(world: World) -> None:
    world.network.answers[80] = b"hello"
    await world.create()
    await world.ready()
    async with world.kubelet.open_port("default", "web", 80) as (reader, _):
        assert await reader.read() == b"hello"
    assert world.network.asked[-1] == ("127.0.0.1", 80)


@in_world
async def test_ports_are_there_while_init_containers_run(world: World) -> None:
    world.network.answers[15080] = b"hello"
    await world.create(initContainers=[container("build")])
    await world.until(lambda item: "running" in state_of(item, "build").get("state", {}))
    async with world.kubelet.open_port("default", "web", 15080) as (reader, _):
        assert await reader.read() == b"hello"


@in_world
async def test_a_pod_that_does_not_run_has_no_ports(world: World) -> None:
    world.launcher.script = lambda process: process.exit(0)
    await world.create(restartPolicy="Never")
    await world.phase("Succeeded")
    await world.api.delete(PODS, "default", "web")
    with pytest.raises(ApiError):
        world.kubelet.open_port("default", "web", 80)
