"""The status of pods, rendered."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.kubelet.worlds import condition, container, pod

from alcove.embedded.kubelet.state import ContainerState, Kind, Phase, restore
from alcove.embedded.kubelet.status import PodView, pod_phase, render_status
from alcove.embedded.objects import Object

NOW = 1_700_000_000.0
WAITING, STARTING, RUNNING, ENDED = Phase.WAITING, Phase.STARTING, Phase.RUNNING, Phase.ENDED


def state(
    name: str = "main", kind: Kind = Kind.MAIN, phase: Phase = RUNNING, **fields: Any
) -> ContainerState:
    policy, code = fields.pop("policy", "Always"), fields.pop("code", 0)
    terminated = {"exitCode": code} if phase is ENDED else None
    up = phase is RUNNING
    fields = {"started": up, "ready": up, "launched": phase is not WAITING} | fields
    return ContainerState(name, kind, container(name), policy, phase, terminated=terminated, **fields)


def view(item: Object | None = None, **fields: Any) -> PodView:
    given: dict[str, Any] = {"node_address": "10.0.0.1", "address": "10.1.0.1", "started_at": NOW, "now": NOW}
    return PodView(item or {**pod(), "status": {}}, **(given | fields))


INIT, SIDECAR = Kind.INIT, Kind.SIDECAR
NEVER: dict[str, Any] = {"policy": "Never"}


@pytest.mark.parametrize(
    ("containers", "phase"),
    [
        ([state(phase=WAITING)], "Pending"),
        ([state(phase=STARTING)], "Pending"),
        ([state()], "Running"),
        ([state(), state("b", phase=WAITING)], "Pending"),
        ([state(phase=ENDED)], "Running"),
        ([state(phase=ENDED, **NEVER)], "Succeeded"),
        ([state(phase=ENDED, code=1, **NEVER)], "Failed"),
        ([state(phase=ENDED, code=1, policy="OnFailure")], "Running"),
        ([state(phase=ENDED, **NEVER), state("b", **NEVER)], "Running"),
        ([state("i", INIT), state(phase=WAITING)], "Pending"),
        ([state("i", INIT, ENDED, code=1, **NEVER), state(phase=WAITING, **NEVER)], "Failed"),
        ([state("s", SIDECAR), state(phase=WAITING)], "Pending"),
        ([state("s", SIDECAR), state(phase=ENDED, **NEVER)], "Running"),
        ([state("s", SIDECAR, ENDED), state(phase=ENDED, **NEVER)], "Succeeded"),
    ],
)
def test_phases(containers: list[ContainerState], phase: str) -> None:
    assert pod_phase(view(), containers) == phase


@pytest.mark.parametrize(
    ("containers", "phase"),
    [
        ([state(phase=ENDED)], "Succeeded"),
        ([state(phase=ENDED, code=1)], "Failed"),
        ([state()], "Running"),
        ([state(phase=WAITING)], "Failed"),
    ],
)
def test_phases_of_a_pod_that_is_deleted(containers: list[ContainerState], phase: str) -> None:
    assert pod_phase(view(ending=True), containers) == phase


def test_conditions_tell_what_is_not_ready() -> None:
    containers = [state("i", INIT), state(phase=WAITING)]
    found = {c["type"]: c for c in render_status(view(), containers)["conditions"]}
    assert found["Initialized"]["message"] == "containers with incomplete status: [i]"
    assert found["ContainersReady"]["message"] == "containers with unready status: [main]"
    assert found["Ready"]["reason"] == "ContainersNotReady"
    assert found["PodReadyToStartContainers"]["status"] == "True"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (None, 'corresponding condition of pod readiness gate "x/y" does not exist.'),
        ("False", 'the status of pod readiness gate "x/y" is not "True", but False'),
        ("True", None),
    ],
)
def test_readiness_gates_are_kept(status: str | None, message: str | None) -> None:
    others = [{"type": "x/y", "status": status}] if status else []
    item = {**pod(readinessGates=[{"conditionType": "x/y"}]), "status": {"conditions": others}}
    rendered = render_status(view(item), [state()])
    ready = next(c for c in rendered["conditions"] if c["type"] == "Ready")
    assert ready.get("message") == message
    assert rendered["conditions"][5:] == others


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    old = {"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}
    item = {**pod(), "status": {"conditions": [old]}}
    rendered = {
        c["type"]: c["lastTransitionTime"] for c in render_status(view(item), [state()])["conditions"]
    }
    assert rendered["Ready"] == "2020-01-01T00:00:00Z"
    assert rendered["Initialized"] == "2023-11-14T22:13:20Z"


def test_a_finished_pod_is_not_ready_because_it_has_completed() -> None:
    rendered = render_status(view(), [state(phase=ENDED, **NEVER)])
    reasons = {c["type"]: c.get("reason") for c in rendered["conditions"]}
    assert (reasons["Ready"], reasons["Initialized"]) == ("PodCompleted", "PodCompleted")
    assert condition({"status": rendered}, "PodReadyToStartContainers") == "False"


def test_a_waiting_container_tells_why() -> None:
    waiting = state(phase=WAITING, reason="ErrImagePull", message="no")
    status = render_status(view(), [waiting])["containerStatuses"][0]
    assert status["state"] == {"waiting": {"reason": "ErrImagePull", "message": "no"}}


def test_a_failed_pod_tells_its_reason_and_a_new_one_forgets_it() -> None:
    failed = view(reason="DeadlineExceeded", message="late")
    assert render_status(failed, [state(phase=ENDED)])["reason"] == "DeadlineExceeded"
    again = view({**pod(), "status": {"reason": "Old"}})
    assert render_status(again, [state()])["reason"] is None


@pytest.mark.parametrize(
    ("kind", "shown", "phase", "code"),
    [
        (Kind.MAIN, {"running": {}}, ENDED, 137),
        (Kind.MAIN, {"terminated": {"exitCode": 2}}, ENDED, 2),
        (Kind.INIT, {"terminated": {"exitCode": 0}}, WAITING, 0),
        (Kind.INIT, {"terminated": {"exitCode": 1}}, ENDED, 1),
        (Kind.MAIN, {"waiting": {}}, WAITING, 0),
    ],
)
def test_what_the_api_shows_is_taken_over(kind: Kind, shown: Object, phase: Phase, code: int) -> None:
    taken = ContainerState("main", kind, container(), "Always")
    restore(taken, {"state": shown, "restartCount": 4}, "2023-11-14T22:13:20Z")
    assert (taken.phase, taken.exit_code, taken.restarts) == (phase, code, 4)


def test_a_crash_looping_container_is_taken_over_with_its_last_end() -> None:
    taken = ContainerState("main", Kind.MAIN, container(), "Always")
    last = {"terminated": {"exitCode": 9}}
    restore(taken, {"state": {"waiting": {}}, "lastState": last}, "")
    assert (taken.phase, taken.exit_code) == (ENDED, 9)
