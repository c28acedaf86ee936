from __future__ import annotations

from typing import Any

import pytest

from alcove.embedded.discovery.pod_columns import readiness_gates, summarize_pod
from alcove.embedded.objects import Object

NOW = 1704067200.0  # 2024-01-01T00:00:00Z
RUNNING: Object = {"state": {"running": {}}, "ready": True, "restartCount": 0}
READY = [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"}]


def waiting(reason: str) -> Object:
    return {"state": {"waiting": {"reason": reason}}, "ready": False, "restartCount": 0}


def ended(code: int, reason: str = "", **more: Any) -> Object:
    return {"state": {"terminated": {"exitCode": code, "reason": reason, **more}}, "ready": False}


def pod(phase: str, *containers: Object, init: list[Object] | None = None, **status: Any) -> Object:
    names = [f"c{index}" for index in range(len(containers))]
    inits = [f"i{index}" for index in range(len(init or ()))]
    return {
        "metadata": {"name": "web"},
        "spec": {
            "containers": [{"name": name} for name in names] or [{"name": "c0"}],
            "initContainers": [{"name": name} for name in inits],
        },
        "status": {
            "phase": phase,
            "containerStatuses": [
                {"name": name, **each} for name, each in zip(names, containers, strict=True)
            ],
            "initContainerStatuses": [
                {"name": name, **each} for name, each in zip(inits, init or (), strict=True)
            ],
            **status,
        },
    }


@pytest.mark.parametrize(
    ("item", "ready", "status"),
    [
        (pod("Pending"), "0/1", "Pending"),
        (pod("Running", RUNNING), "1/1", "Running"),
        (pod("Pending", waiting("ContainerCreating")), "0/1", "ContainerCreating"),
        (pod("Running", waiting("CrashLoopBackOff")), "0/1", "CrashLoopBackOff"),
        (pod("Succeeded", ended(0, "Completed")), "0/1", "Completed"),
        (pod("Failed", ended(1, "Error")), "0/1", "Error"),
        (pod("Failed", ended(3)), "0/1", "ExitCode:3"),
        (pod("Failed", ended(137, signal=9)), "0/1", "Signal:9"),
        (pod("Running", ended(0, "Completed"), RUNNING, conditions=READY), "1/2", "Running"),
        (pod("Running", ended(0, "Completed"), RUNNING), "1/2", "NotReady"),
        (pod("Pending", init=[{"state": {"running": {}}}]), "0/1", "Init:0/1"),
        (pod("Pending", init=[ended(0, "Completed"), waiting("PodInitializing")]), "0/1", "Init:1/2"),
        (pod("Pending", init=[waiting("ErrImagePull")]), "0/1", "Init:ErrImagePull"),
        (pod("Pending", init=[ended(1, "Error")]), "0/1", "Init:Error"),
        (pod("Pending", init=[ended(2)]), "0/1", "Init:ExitCode:2"),
        (pod("Failed", reason="Evicted"), "0/1", "Evicted"),
        (
            pod("Pending", conditions=[{"type": "PodScheduled", "reason": "SchedulingGated"}]),
            "0/1",
            "SchedulingGated",
        ),
    ],
)
def test_the_state_of_a_pod_is_told_in_a_word(item: Object, ready: str, status: str) -> None:
    summary = summarize_pod(item, NOW)
    assert (summary.ready, summary.status) == (ready, status)


@pytest.mark.parametrize(("phase", "status"), [("Running", "Terminating"), ("Succeeded", "Succeeded")])
def test_a_deleted_pod_is_terminating_until_it_has_ended(phase: str, status: str) -> None:
    item = pod(phase)
    item["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z"
    assert summarize_pod(item, NOW).status == status


def test_restarts_say_when_the_last_was() -> None:
    last = {"terminated": {"finishedAt": "2023-12-31T23:55:00Z"}}
    item = pod("Running", RUNNING | {"restartCount": 3, "lastState": last})
    assert summarize_pod(item, NOW).restarts == "3 (5m ago)"


def test_sidecars_count_as_containers() -> None:
    item = pod("Running", RUNNING, init=[RUNNING | {"started": True}], conditions=READY)
    item["spec"]["initContainers"][0]["restartPolicy"] = "Always"
    assert summarize_pod(item, NOW)[:2] == ("2/2", "Running")


def test_readiness_gates_are_counted() -> None:
    item = pod("Running", conditions=[{"type": "a", "status": "True"}])
    assert readiness_gates(item) == "<none>"
    item["spec"]["readinessGates"] = [{"conditionType": "a"}, {"conditionType": "b"}]
    assert readiness_gates(item) == "1/2"
