"""What a Deployment says about itself: counts, and the conditions that ``kubectl rollout`` waits for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alcove.embedded.controllers import rollouts
from alcove.embedded.controllers.actions import Plan, status_patches
from alcove.embedded.controllers.times import (
    Condition,
    find_condition,
    seconds_of,
    with_condition,
    without_condition,
)
from alcove.embedded.events import timestamp
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, Object, metadata

_NO_DEADLINE = 2**31 - 1


def is_complete(deployment: Object, status: Object) -> bool:
    """Whether every pod is of the present template and available, and none is left of another."""
    wanted = rollouts.size_of(deployment)
    counts = (status.get(key) or 0 for key in ("updatedReplicas", "replicas", "availableReplicas"))
    observed = int(status.get("observedGeneration") or 0)
    return all(count == wanted for count in counts) and observed >= metadata(deployment).get("generation", 0)


def report_deployment(
    deployment: Object, new: Object | None, old: Sequence[Object], *, now: float, failure: ApiError | None
) -> Plan:
    """Compute the status from the ReplicaSets, and when the progress deadline passes."""
    before = deployment.get("status") or {}
    status = _counts(deployment, new, old)
    conditions = _with_availability(before.get("conditions"), status, deployment=deployment, now=now)
    deadline = _deadline_of(deployment)
    if deadline is not None:
        progress = _progress(deployment, before, status, new=new, now=now, failure=failure)
        if progress is not None:
            conditions = _replaced(conditions, progress, now)
    conditions = _with_failures(conditions, [*([new] if new else []), *old], now=now)
    status["conditions"] = conditions
    actions = status_patches(GroupResource("deployments.apps"), deployment, status)
    return Plan(actions, _next_look(status, deadline, now, paused=bool(deployment["spec"].get("paused"))))


def _counts(deployment: Object, new: Object | None, old: Sequence[Object]) -> dict[str, Any]:
    every = [*([new] if new else []), *old]

    def total(field: str) -> int:
        return sum(int((one.get("status") or {}).get(field) or 0) for one in every)

    available = total("availableReplicas")
    counts = {
        "replicas": total("replicas"),
        "updatedReplicas": int(((new or {}).get("status") or {}).get("replicas") or 0),
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, sum(map(rollouts.size_of, every)) - available),
        "collisionCount": (deployment.get("status") or {}).get("collisionCount"),
    }
    # Kubernetes leaves counts of zero out.
    kept = {key: value for key, value in counts.items() if value}
    return {"observedGeneration": metadata(deployment).get("generation", 0), **kept}


def _with_availability(
    conditions: Sequence[Condition] | None, status: Object, *, deployment: Object, now: float
) -> list[Condition]:
    least = rollouts.limits_of(deployment).least_available
    if status.get("availableReplicas", 0) >= least:
        new = _condition("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        new = _condition(
            "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
        )
    return _updated(conditions, {**new, "type": "Available"}, now)


def _progress(
    deployment: Object,
    before: Object,
    status: Object,
    *,
    new: Object | None,
    now: float,
    failure: ApiError | None,
) -> Condition | None:
    """Give the Progressing condition to write; None to leave the one there is."""
    current = find_condition(before.get("conditions"), "Progressing")
    reason = (current or {}).get("reason", "")
    if failure is not None and new is None:
        return _condition(
            "False", "ReplicaSetCreateError", f"Failed to create new replica set: {failure.message}"
        )
    if deployment["spec"].get("paused"):
        if reason in ("DeploymentPaused", "ProgressDeadlineExceeded"):
            return None
        return _condition("Unknown", "DeploymentPaused", "Deployment is paused")
    if reason == "DeploymentPaused":
        return _condition("Unknown", "DeploymentResumed", "Deployment is resumed")
    subject = (
        f'ReplicaSet "{metadata(new)["name"]}"' if new else f'Deployment "{metadata(deployment)["name"]}"'
    )
    if is_complete(deployment, status):
        if reason == "NewReplicaSetAvailable" and subject in (current or {}).get("message", ""):
            return None
        return _condition("True", "NewReplicaSetAvailable", f"{subject} has successfully progressed.")
    if new and not _speaks_of(current, metadata(new)["name"]):
        return _beginning(new)
    if _has_progressed(before, status):
        return _condition("True", "ReplicaSetUpdated", f"{subject} is progressing.")
    if _has_timed_out(deployment, current, now):
        return _condition("False", "ProgressDeadlineExceeded", f"{subject} has timed out progressing.")
    return None


def _speaks_of(condition: Condition | None, name: str) -> bool:
    """Whether the condition is about this ReplicaSet; those that quote none are about any."""
    if condition is None or condition.get("reason") == "ReplicaSetCreateError":
        return False
    message = condition.get("message", "")
    return '"' not in message or f'"{name}"' in message


def _beginning(new: Object) -> Condition:
    name = metadata(new)["name"]
    if (new.get("status") or {}).get("replicas"):
        return _condition("True", "FoundNewReplicaSet", f'Found new replica set "{name}"')
    return _condition("True", "NewReplicaSetCreated", f'Created new replica set "{name}"')


def _has_progressed(before: Object, status: Object) -> bool:
    def grew(field: str) -> bool:
        return (status.get(field) or 0) > (before.get(field) or 0)

    def of_others(counts: Object) -> int:
        return (counts.get("replicas") or 0) - (counts.get("updatedReplicas") or 0)

    return (
        grew("updatedReplicas")
        or grew("readyReplicas")
        or grew("availableReplicas")
        or of_others(status) < of_others(before)
    )


def _deadline_of(deployment: Object) -> int | None:
    seconds = deployment["spec"].get("progressDeadlineSeconds")
    return None if seconds is None or seconds >= _NO_DEADLINE else int(seconds)


def _has_timed_out(deployment: Object, condition: Condition | None, now: float) -> bool:
    deadline = _deadline_of(deployment)
    if condition is None or deadline is None or condition.get("reason") == "NewReplicaSetAvailable":
        return False
    since = seconds_of(condition.get("lastUpdateTime"))
    return since is not None and since + deadline <= now


def _next_look(status: Object, deadline: int | None, now: float, *, paused: bool) -> float | None:
    condition = find_condition(status["conditions"], "Progressing")
    if deadline is None or paused or condition is None or condition["status"] == "False":
        return None
    if condition["reason"] == "NewReplicaSetAvailable":
        return None
    since = seconds_of(condition.get("lastUpdateTime"))
    return None if since is None else max(since + deadline, now)


def _with_failures(conditions: list[Condition], sets: Sequence[Object], *, now: float) -> list[Condition]:
    """Show the first ReplicaSet's failure to make or delete pods as the Deployment's own."""
    for one in sets:
        failed = find_condition((one.get("status") or {}).get("conditions"), "ReplicaFailure")
        if failed is not None:
            shown = _condition(failed["status"], failed.get("reason", ""), failed.get("message", ""))
            return _updated(conditions, {**shown, "type": "ReplicaFailure"}, now)
    return without_condition(conditions, "ReplicaFailure")


def _condition(status: str, reason: str, message: str) -> Condition:
    return {"type": "Progressing", "status": status, "reason": reason, "message": message}


def _updated(conditions: Sequence[Condition] | None, new: Condition, now: float) -> list[Condition]:
    """Set a condition; when status and reason stay, nothing of it changes."""
    old = find_condition(conditions, new["type"])
    if old and old["status"] == new["status"] and old.get("reason") == new["reason"]:
        return list(conditions or ())
    return with_condition(conditions, {**new, "lastUpdateTime": timestamp(now)}, now)


def _replaced(conditions: Sequence[Condition], new: Condition, now: float) -> list[Condition]:
    """Set a condition and its time of update, which is what the deadline counts from."""
    return with_condition(conditions, {**new, "lastUpdateTime": timestamp(now)}, now)
