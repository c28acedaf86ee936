"""The conditions of Deployments, from single worlds."""

from __future__ import annotations

from typing import Any

import pytest

from alcove.embedded import faults
from alcove.embedded.controllers.actions import Patch, Plan
from alcove.embedded.controllers.deployment_status import is_complete, report_deployment
from alcove.embedded.events import timestamp
from alcove.embedded.objects import Object

NOW = 1_700_000_000.0


def deployment(reason: str = "", message: str = "", *, age: float = 0, **spec: Any) -> Object:
    condition = {
        "type": "Progressing",
        "status": "True",
        "reason": reason,
        "message": message,
        "lastUpdateTime": timestamp(NOW - age),
    }
    return {
        "metadata": {"name": "web", "namespace": "n", "uid": "u", "generation": 3},
        "spec": {"replicas": 2, "progressDeadlineSeconds": 60, **spec},
        "status": {"conditions": [condition] if reason else []},
    }


def replica_set(replicas: int = 0, available: int = 0, **status: Any) -> Object:
    counts = {"replicas": replicas, "readyReplicas": available, "availableReplicas": available}
    return {"metadata": {"name": "web-1"}, "spec": {"replicas": 2}, "status": {**counts, **status}}


def progressing(plan: Plan) -> tuple[str, str] | None:
    for action in plan.actions:
        assert isinstance(action, Patch)
        for one in action.merge["status"]["conditions"]:
            if one["type"] == "Progressing":
                return one["reason"], one["message"]
    return None


IS_PROGRESSING = 'ReplicaSet "web-1" is progressing.'


@pytest.mark.parametrize(
    ("item", "new", "reason"),
    [
        (deployment(), replica_set(), "NewReplicaSetCreated"),
        (deployment(), replica_set(1), "FoundNewReplicaSet"),
        (
            deployment("NewReplicaSetAvailable", 'ReplicaSet "web-0" has'),
            replica_set(),
            "NewReplicaSetCreated",
        ),
        (deployment("NewReplicaSetCreated", 'set "web-1"'), replica_set(1), "ReplicaSetUpdated"),
        (deployment("ReplicaSetUpdated", IS_PROGRESSING, age=59), replica_set(), "ReplicaSetUpdated"),
        (deployment("ReplicaSetUpdated", IS_PROGRESSING, age=60), replica_set(), "ProgressDeadlineExceeded"),
        (deployment("ReplicaSetUpdated", IS_PROGRESSING), replica_set(2, 2), "NewReplicaSetAvailable"),
        (deployment("ReplicaSetUpdated", IS_PROGRESSING, paused=True), replica_set(), "DeploymentPaused"),
        (deployment("DeploymentPaused", "Deployment is paused"), replica_set(), "DeploymentResumed"),
        (deployment("DeploymentResumed", "Deployment is resumed"), replica_set(1), "ReplicaSetUpdated"),
    ],
)
def test_progress_is_told_by_its_reason(item: Object, new: Object, reason: str) -> None:
    found = progressing(report_deployment(item, new, [], now=NOW, failure=None))
    assert found is not None
    assert found[0] == reason


def test_without_a_deadline_progress_is_not_told() -> None:
    item = deployment(progressDeadlineSeconds=2**31 - 1)
    plan = report_deployment(item, replica_set(), [], now=NOW, failure=None)
    assert (progressing(plan), plan.again_at) == (None, None)


def test_the_deadline_is_looked_at_when_it_passes() -> None:
    item = deployment("ReplicaSetUpdated", IS_PROGRESSING, age=20)
    assert report_deployment(item, replica_set(), [], now=NOW, failure=None).again_at == NOW + 40


def test_a_replica_set_that_cannot_be_made_is_told() -> None:
    failure = faults.forbidden("replicasets.apps", "web-1", "no")
    found = progressing(report_deployment(deployment(), None, [], now=NOW, failure=failure))
    assert found is not None
    assert found[0] == "ReplicaSetCreateError"


def test_failures_of_replica_sets_are_shown() -> None:
    failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}
    plan = report_deployment(deployment(), replica_set(conditions=[failed]), [], now=NOW, failure=None)
    [patch] = plan.actions
    assert isinstance(patch, Patch)
    shown = [one for one in patch.merge["status"]["conditions"] if one["type"] == "ReplicaFailure"]
    assert [(one["reason"], one["message"]) for one in shown] == [("FailedCreate", "quota")]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "observedGeneration": 3}, True),
        ({"replicas": 3, "updatedReplicas": 2, "availableReplicas": 2, "observedGeneration": 3}, False),
        ({"replicas": 2, "updatedReplicas": 2, "availableReplicas": 1, "observedGeneration": 3}, False),
        ({"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "observedGeneration": 2}, False),
    ],
)
def test_complete_is_all_new_all_available_and_observed(status: Object, expected: bool) -> None:
    assert is_complete(deployment(), status) is expected
