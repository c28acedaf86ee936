"""Whole pods on a node whose processes are objects of the test."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.embedded.kubelet.worlds import (
    FakeProcess,
    JumpingLoop,
    World,
    condition,
    container,
    in_world,
    pod,
    state_of,
)

from alcove.embedded.kubelet.context import PODS
from alcove.embedded.objects import GroupResource, Object

CONFIG_MAPS = GroupResource("configmaps")


def config_map(name: str = "map", **entries: str) -> Object:
    return {"metadata": {"name": name, "namespace": "default"}, "data": entries}


@in_world
async def test_a_pod_starts_with_a_binding_and_one_status(world: World) -> None:
    await world.create()
    item = await world.ready()
    assert item["spec"]["nodeName"] == "node-1"
    assert item["status"]["podIP"] == "10.1.0.1"
    assert state_of(item)["state"] == {"running": {"startedAt": "2023-11-14T22:13:20Z"}}
    writes = [verb for verb, resource, _ in world.api.writes if resource == "pods"]
    assert writes == ["create", "update", "update status"]


@in_world
async def test_the_events_of_a_start_are_those_of_kubernetes(world: World) -> None:
    await world.create()
    await world.event("Started")
    assert set(world.events()) == {
        ("Scheduled", "Successfully assigned default/web to node-1"),
        ("Pulled", 'Container image "app" already present on machine and can be accessed by the pod'),
        ("Created", "Container created"),
        ("Started", "Container started"),
    }


@in_world
async def test_a_pod_runs_to_its_completion(world: World) -> None:
    world.launcher.script = lambda process: process.exit(0)
    await world.create(restartPolicy="Never")
    item = await world.phase("Succeeded")
    assert state_of(item)["state"]["terminated"]["reason"] == "Completed"
    assert condition(item, "Ready") == "False"


@in_world
async def test_a_failed_pod_keeps_its_exit_code_and_last_words(world: World) -> None:
    def script(process: FakeProcess) -> None:
        process.write(b"cannot go on\n")
        process.exit(3)

    world.launcher.script = script
    main = container(terminationMessagePolicy="FallbackToLogsOnError")
    await world.create(main, restartPolicy="Never")
    ended = state_of(await world.phase("Failed"))["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (3, "Error", "cannot go on\n")


@in_world
async def test_a_crash_loop_waits_longer_each_time(world: World) -> None:
    starts: list[float] = []

    def script(process: FakeProcess) -> None:
        starts.append(world.loop.time())
        process.exit(1)

    world.launcher.script = script
    await world.create()
    item = await world.until(
        lambda item: state_of(item).get("restartCount") == 4 and "waiting" in state_of(item)["state"]
    )
    assert [round(later - earlier) for earlier, later in itertools.pairwise(starts)] == [0, 10, 20, 40]
    status = state_of(item)
    assert status["lastState"]["terminated"]["exitCode"] == 1
    waiting = status["state"]["waiting"]
    assert waiting["reason"] == "CrashLoopBackOff"
    assert waiting["message"].startswith("back-off 1m20s restarting failed container=main pod=web_default(")


@in_world
async def test_a_crash_loop_is_told_by_an_event(world: World) -> None:
    world.launcher.script = lambda process: process.exit(1)
    await world.create()
    told = await world.event("BackOff")
    assert told.startswith("Back-off restarting failed container main in pod web_default(")


@in_world
async def test_sidecars_start_first_and_end_last_in_reverse(world: World) -> None:
    sidecars = [container(name, restartPolicy="Always") for name in ("s1", "s2")]
    await world.create(initContainers=[sidecars[0], container("init"), sidecars[1]])
    await world.until(lambda item: "running" in state_of(item, "init").get("state", {}))
    world.launcher.latest("init").exit(0)
    await world.ready()
    assert world.launcher.names() == ["s1", "init", "s2", "main"]
    ended: list[str] = []
    for process in world.launcher.started:
        process.on_signal = lambda name: ended.append(name)
    await world.api.delete(PODS, "default", "web")
    await world.until_gone()
    assert ended == ["main", "s2", "s1"]


@in_world
async def test_sidecars_do_not_keep_a_job_from_its_end(world: World) -> None:
    world.launcher.script = lambda process: process.exit(0) if process.name == "main" else None
    await world.create(initContainers=[container("side", restartPolicy="Always")], restartPolicy="Never")
    item = await world.phase("Succeeded")
    assert state_of(item, "side")["state"]["terminated"]["exitCode"] == 143


@in_world
async def test_a_failing_init_container_is_tried_again_before_anything_else(world: World) -> None:
    codes = iter([1, 0])
    world.launcher.script = lambda process: process.exit(next(codes)) if process.name == "init" else None
    await world.create(initContainers=[container("init")])
    item = await world.ready()
    assert world.launcher.names() == ["init", "init", "main"]
    assert state_of(item, "init")["restartCount"] == 1


@in_world
async def test_a_pod_fails_with_its_init_container(world: World) -> None:
    world.launcher.script = lambda process: process.exit(1)
    await world.create(initContainers=[container("init")], restartPolicy="Never")
    item = await world.phase("Failed")
    assert state_of(item)["state"] == {"waiting": {"reason": "PodInitializing"}}


@in_world
async def test_a_deleted_pod_ends_gracefully(world: World) -> None:
    await world.create()
    await world.ready()
    await world.api.delete(PODS, "default", "web")
    last = await world.until_gone()
    assert world.launcher.started[0].signals == [15]
    assert state_of(last)["state"]["terminated"]["exitCode"] == 143
    assert world.network.attached == {}


@in_world
async def test_what_does_not_end_in_time_is_killed(world: World) -> None:
    world.launcher.script = lambda process: process.ignored.add(15)
    await world.create(terminationGracePeriodSeconds=7)
    await world.ready()
    before = world.loop.time()
    await world.api.delete(PODS, "default", "web")
    last = await world.until_gone()
    assert world.loop.time() - before == pytest.approx(7, abs=0.1)
    assert state_of(last)["state"]["terminated"]["exitCode"] == 137


@in_world
async def test_a_second_deletion_may_shorten_the_grace(world: World) -> None:
    world.launcher.script = lambda process: process.ignored.add(15)
    await world.create(terminationGracePeriodSeconds=100)
    await world.ready()
    await world.api.delete(PODS, "default", "web")
    await asyncio.sleep(1)
    await world.api.delete(PODS, "default", "web", grace_seconds=2)
    await world.until_gone()
    assert world.loop.time() < 10


@in_world
async def test_a_forgotten_pod_is_ended(world: World) -> None:
    await world.create()
    await world.ready()
    await world.api.delete(PODS, "default", "web", grace_seconds=0)
    assert (await world.launcher.started[0].wait()).code == 143


@in_world
async def test_hooks_run_at_both_ends(world: World) -> None:
    hooks = {
        "postStart": {"exec": {"command": ["hello"]}},
        "preStop": {"exec": {"command": ["bye"]}},
    }
    await world.create(container(lifecycle=hooks))
    await world.ready()
    await world.api.delete(PODS, "default", "web")
    await world.until_gone()
    assert [process.process.argv for process in world.launcher.execs] == [("hello",), ("bye",)]


@in_world
async def test_the_hook_of_a_sidecar_runs_at_the_beginning_of_the_end_and_once(world: World) -> None:
    seen: list[str] = []
    side = container("side", restartPolicy="Always", lifecycle={"preStop": {"exec": {"command": ["drain"]}}})
    await world.create(container(), initContainers=[side])
    await world.ready()
    for process in world.launcher.started:
        process.on_signal = seen.append

    def drain(process: FakeProcess) -> None:
        seen.append("drain")
        process.exit(0)

    world.launcher.exec_script = drain
    await world.api.delete(PODS, "default", "web")
    await world.until_gone()
    assert sorted(seen[:2]) == ["drain", "main"]
    assert seen[2:] == ["side"]


@in_world
async def test_a_failed_post_start_hook_ends_the_container(world: World) -> None:
    world.launcher.exec_script = lambda process: process.exit(1)
    await world.create(container(lifecycle={"postStart": {"exec": {"command": ["x"]}}}))
    assert await world.event("FailedPostStartHook") == "PostStartHook failed"
    assert (await world.launcher.started[0].wait()).code == 143


@in_world
async def test_an_unhealthy_container_is_restarted(world: World) -> None:
    probe = {"httpGet": {"port": 80, "path": "/live"}, "periodSeconds": 1, "failureThreshold": 2}
    world.network.answers[80] = b"HTTP/1.1 200 OK\r\n\r\n"
    await world.create(container(livenessProbe=probe))
    await world.ready()
    world.network.answers[80] = b"HTTP/1.1 500 Broken\r\n\r\n"
    item = await world.until(lambda item: state_of(item).get("restartCount") == 1)
    assert state_of(item)["lastState"]["terminated"]["exitCode"] == 143
    assert await world.event("Unhealthy") == "Liveness probe failed: HTTP probe failed with statuscode: 500"
    assert await world.event("Killing") == "Container main failed liveness probe, will be restarted"


@in_world
async def test_readiness_comes_and_goes(world: World) -> None:
    await world.create(container(readinessProbe={"tcpSocket": {"port": 80}, "failureThreshold": 1}))
    await world.until(lambda item: "running" in state_of(item).get("state", {}))
    world.network.answers[80] = b""
    await world.ready()
    del world.network.answers[80]
    await world.until(lambda item: condition(item, "Ready") == "False")
    told = await world.event("Unhealthy")
    assert told == "Readiness probe failed: dial tcp 10.1.0.1:80: connect: connection refused"


@in_world
async def test_a_startup_probe_holds_the_others_back(world: World) -> None:
    probes: dict[str, Any] = {
        "startupProbe": {"tcpSocket": {"port": 81}},
        "livenessProbe": {"tcpSocket": {"port": 82}},
    }
    await world.create(container(**probes))
    item = await world.until(lambda item: "running" in state_of(item).get("state", {}))
    assert not state_of(item)["started"]
    assert ("10.1.0.1", 82) not in world.network.asked
    world.network.answers |= {81: b"", 82: b""}
    assert state_of(await world.ready())["started"]


@in_world
async def test_a_changed_config_map_reaches_the_volume(world: World) -> None:
    await world.api.create(CONFIG_MAPS, config_map(key="old"))
    mount = {"name": "v", "mountPath": "/config"}
    volume = {"name": "v", "configMap": {"name": "map"}}
    await world.create(container(volumeMounts=[mount]), volumes=[volume])
    await world.ready()
    file = world.launcher.latest("main").mounted("/config") / "key"
    assert file.read_text() == "old"
    await world.api.patch(CONFIG_MAPS, "default", "map", {"data": {"key": "new"}})
    await asyncio.sleep(1)
    assert file.read_text() == "new"


@in_world
async def test_a_missing_config_map_holds_the_container_until_it_is_there(world: World) -> None:
    await world.create(container(envFrom=[{"configMapRef": {"name": "map"}}]))
    item = await world.until(lambda item: state_of(item).get("state", {}).get("waiting", {}).get("message"))
    waiting = state_of(item)["state"]["waiting"]
    assert waiting == {"reason": "CreateContainerConfigError", "message": 'configmap "map" not found'}
    await world.api.create(CONFIG_MAPS, config_map(KEY="value"))
    await world.ready()
    assert world.launcher.latest("main").process.environment["KEY"] == "value"
    assert world.loop.time() < 5


@in_world
async def test_a_missing_volume_holds_the_pod_until_it_is_there(world: World) -> None:
    await world.create(volumes=[{"name": "v", "configMap": {"name": "map"}}])
    told = await world.event("FailedMount")
    assert told == 'MountVolume.SetUp failed for volume "v" : configmap "map" not found'
    assert world.get()["status"]["phase"] == "Pending"
    await world.api.create(CONFIG_MAPS, config_map())
    await world.ready()


@in_world
async def test_a_token_is_renewed_before_it_expires(world: World) -> None:
    source = {"serviceAccountToken": {"path": "token", "expirationSeconds": 1000}}
    mount = {"name": "v", "mountPath": "/token"}
    await world.create(
        container(volumeMounts=[mount]), volumes=[{"name": "v", "projected": {"sources": [source]}}]
    )
    await world.ready()
    file = world.launcher.latest("main").mounted("/token") / "token"
    assert file.read_text() == "token-1"
    await asyncio.sleep(801)
    assert file.read_text() == "token-2"


@pytest.mark.parametrize(
    ("reason", "second"), [("ErrImagePull", "ImagePullBackOff"), ("ErrImageNeverPull", "ErrImageNeverPull")]
)
@in_world
async def test_an_image_that_cannot_be_had_is_tried_again(world: World, reason: str, second: str) -> None:
    def waits(item: Object, why: str) -> bool:
        return bool(state_of(item).get("state", {}).get("waiting", {}).get("reason") == why)

    world.images.missing["app"] = reason
    await world.create()
    await world.until(lambda item: waits(item, reason))
    await world.until(lambda item: waits(item, second))
    world.images.missing.clear()
    await world.ready()


def waiting(item: Object, name: str = "main") -> str:
    return str(state_of(item, name).get("state", {}).get("waiting", {}).get("reason", ""))


@in_world
async def test_an_image_that_is_never_pulled_is_looked_for_at_every_turn(world: World) -> None:
    world.images.missing["app"] = "ErrImageNeverPull"
    await world.create()
    item = await world.until(lambda item: waiting(item) == "ErrImageNeverPull")
    assert state_of(item)["state"]["waiting"]["message"] == "app cannot be had"
    assert item["status"]["phase"] == "Pending"
    assert await world.event("ErrImageNeverPull") == "app cannot be had"
    assert await world.event("Failed") == "Error: ErrImageNeverPull"
    await asyncio.sleep(95)
    world.images.missing.clear()
    await world.ready()
    assert world.loop.time() == pytest.approx(100, abs=1)


@in_world
async def test_an_image_that_has_come_starts_what_waits_for_it_at_once(world: World) -> None:
    world.images.missing["app"] = "ErrImageNeverPull"
    await world.create()
    await world.until(lambda item: waiting(item) == "ErrImageNeverPull")
    world.kubelet.look_for_images()
    await asyncio.sleep(1)
    world.images.missing.clear()
    world.kubelet.look_for_images()
    await world.ready()
    assert world.loop.time() < 3


@in_world
async def test_an_image_is_looked_up_when_the_init_containers_have_ended(world: World) -> None:
    world.images.missing["late"] = "ErrImageNeverPull"
    await world.create(container(image="late"), initContainers=[container("build")])
    item = await world.until(lambda item: "running" in state_of(item, "build").get("state", {}))
    assert waiting(item) == "PodInitializing"
    world.images.missing.clear()
    world.launcher.latest("build").exit(0)
    await world.ready()
    assert "ErrImageNeverPull" not in [reason for reason, _ in world.events()]
    assert world.kubelet.images_in_use() == ({"app", "late"}, set())


@in_world
async def test_a_pod_ends_at_once_while_its_init_containers_run(world: World) -> None:
    await world.create(initContainers=[container("build")])
    await world.until(lambda item: "running" in state_of(item, "build").get("state", {}))
    await world.api.delete(PODS, "default", "web")
    await world.until_gone()
    assert world.launcher.names() == ["build"]


@in_world
async def test_a_process_that_cannot_start_crash_loops(world: World) -> None:
    world.launcher.refusal = 'exec: "x": executable file not found in $PATH'
    await world.create()
    item = await world.until(lambda item: state_of(item).get("restartCount") == 1)
    ended = state_of(item)["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert await world.event("Failed") == f"Error: {world.launcher.refusal}"


@in_world
async def test_a_pod_past_its_deadline_fails(world: World) -> None:
    await world.create(activeDeadlineSeconds=60)
    item = await world.phase("Failed")
    assert item["status"]["reason"] == "DeadlineExceeded"
    assert world.loop.time() == pytest.approx(60, abs=1)


@in_world
async def test_a_pod_without_a_place_says_why_and_gets_one_later(world: World) -> None:
    await world.create(nodeSelector={"disk": "ssd"})
    item = await world.until(lambda item: condition(item, "PodScheduled") == "False")
    assert item["status"]["conditions"][0]["reason"] == "Unschedulable"
    assert "didn't match Pod's node affinity/selector" in await world.event("FailedScheduling")
    await world.api.patch(GroupResource("nodes"), "", "node-1", {"metadata": {"labels": {"disk": "ssd"}}})
    await world.ready()


@in_world
async def test_a_gated_pod_is_left_alone(world: World) -> None:
    await world.create(schedulingGates=[{"name": "wait"}])
    await world.create(name="other")
    await world.ready("other")
    assert "nodeName" not in world.get()["spec"]
    await world.api.patch(PODS, "default", "web", {"spec": {"schedulingGates": None}})
    await world.ready()


@in_world
async def test_an_ephemeral_container_joins_a_running_pod(world: World) -> None:
    await world.create()
    await world.ready()
    debugger = container("debug", targetContainerName="main")
    await world.api.patch(PODS, "default", "web", {"spec": {"ephemeralContainers": [debugger]}})
    item = await world.until(lambda item: item["status"].get("ephemeralContainerStatuses"))
    assert "running" in item["status"]["ephemeralContainerStatuses"][0]["state"]
    assert world.launcher.latest("debug").spec.share_pids_with == world.launcher.latest("main").spec.id


def running_before(name: str, **spec: Any) -> Object:
    item = pod(name=name, nodeName="node-1", **spec)
    running: Object = {"name": "main", "state": {"running": {"startedAt": "2023-11-14T20:00:00Z"}}}
    running |= {"restartCount": 2, "containerID": "alcove://old"}
    item["status"] = {
        "phase": "Running",
        "startTime": "2023-11-14T20:00:00Z",
        "containerStatuses": [running],
    }
    return item


@in_world
async def test_pods_of_a_daemon_before_start_again(world: World) -> None:
    world.api.put("pods", running_before("web"))
    item = await world.ready()
    status = state_of(item)
    assert status["restartCount"] == 3
    last = status["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"], last["containerID"]) == (137, "Error", "alcove://old")
    assert item["status"]["startTime"] == "2023-11-14T20:00:00Z"


@in_world
async def test_pods_of_a_daemon_before_that_never_restart_have_failed(world: World) -> None:
    world.api.put("pods", running_before("web", restartPolicy="Never"))
    await world.phase("Failed")
    assert world.launcher.started == []


@in_world
async def test_finished_pods_of_a_daemon_before_are_left_as_they_are(world: World) -> None:
    item = running_before("web")
    item["status"]["phase"] = "Succeeded"
    before = json.dumps(world.api.put("pods", item))
    await world.create(name="other")
    await world.ready("other")
    assert json.dumps(world.get()) == before


def test_files_of_pods_that_are_no_more_are_removed(tmp_path: Path) -> None:
    (tmp_path / "pods" / "gone" / "logs").mkdir(parents=True)

    async def scenario() -> None:
        async with World(tmp_path).running():
            await asyncio.sleep(1)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(scenario())
    assert not (tmp_path / "pods" / "gone").exists()


@in_world
async def test_the_node_is_registered_and_keeps_its_lease(world: World) -> None:
    await asyncio.sleep(25)
    node = world.api.get(GroupResource("nodes"), "", "node-1")
    lease = world.api.get(GroupResource("leases.coordination.k8s.io"), "kube-node-lease", "node-1")
    assert node is not None
    assert lease is not None
    assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.0"
    assert node["status"]["conditions"][-1]["type"] == "Ready"
    assert lease["spec"]["renewTime"] == "2023-11-14T22:13:40.000000Z"


@in_world
async def test_many_pods_live_side_by_side(world: World) -> None:
    for number in range(50):
        await world.create(name=f"pod-{number}")
    for number in range(50):
        await world.ready(f"pod-{number}")
    assert len({item["status"]["podIP"] for item in world.api.list(PODS)}) == 50
