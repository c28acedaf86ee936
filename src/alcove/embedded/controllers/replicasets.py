"""ReplicaSets and ReplicationControllers: so many pods of one template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alcove.embedded.controllers.actions import (
    NOTHING,
    Action,
    Create,
    Delete,
    Notice,
    Plan,
    delete_of,
    status_patches,
)
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.controllers.ownership import Claims, claim
from alcove.embedded.controllers.pods import (
    PODS,
    count_available,
    is_active,
    phase_of,
    pod_from_template,
    ready_since,
    restarts_of,
)
from alcove.embedded.controllers.rollouts import size_of
from alcove.embedded.controllers.times import (
    Condition,
    created_at,
    find_condition,
    with_condition,
    without_condition,
)
from alcove.embedded.faults import ApiError
from alcove.embedded.labels import selects, selects_map
from alcove.embedded.objects import (
    GroupResource,
    Object,
    ObjectKey,
    WatchEvent,
    annotations_of,
    controller_of,
    labels_of,
    metadata,
)
from alcove.embedded.ports import ClusterReader

_BURST = 500
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


def replica_sets(api: ClusterReader) -> Controller:
    """Give the controller of ReplicaSets."""
    return _controller(api, GroupResource("replicasets.apps"), "ReplicaSet", "replicaset-controller")


def replication_controllers(api: ClusterReader) -> Controller:
    """Give the controller of ReplicationControllers."""
    resource = GroupResource("replicationcontrollers")
    return _controller(api, resource, "ReplicationController", "replication-controller")


def _controller(api: ClusterReader, resource: GroupResource, kind: str, name: str) -> Controller:
    def keys(event: WatchEvent) -> Iterable[ObjectKey]:
        meta = metadata(event.object)
        if event.resource == resource:
            return (ObjectKey(resource, meta["namespace"], meta["name"]),)
        if controller := controller_of(event.object):
            owner = ObjectKey(resource, meta["namespace"], controller["name"])
            return (owner,) if controller["kind"] == kind else ()
        labels = labels_of(event.object)
        owners = api.list(resource, meta["namespace"])
        return [
            ObjectKey(resource, meta["namespace"], metadata(one)["name"])
            for one in owners
            if _selects(one, labels)
        ]

    def plan(key: ObjectKey, now: float) -> Plan:
        owner = api.get(*key)
        return NOTHING if owner is None else plan_replicas(resource, owner, api.list(PODS, key.namespace))

    def report(key: ObjectKey, now: float, failure: ApiError | None) -> Plan:
        if (owner := api.get(*key)) is None:
            return NOTHING
        pods = api.list(PODS, key.namespace)
        return report_replicas(resource, owner, pods, now=now, failure=failure)

    return Controller(name, (resource, PODS), keys, plan, report)


def _selects(owner: Object, labels: Mapping[str, str]) -> bool:
    selector = owner["spec"].get("selector")
    if owner["kind"] == "ReplicationController":
        return selects_map(selector, labels)
    return selects(selector, labels)


def _claim(owner: Object, pods: Iterable[Object]) -> Claims:
    return claim(
        owner, pods, resource=PODS, matching=lambda labels: _selects(owner, labels), living=is_active
    )


def plan_replicas(resource: GroupResource, owner: Object, pods: Sequence[Object]) -> Plan:
    """Create the pods that are missing or delete those too many; ``pods`` are all of the namespace."""
    if "deletionTimestamp" in metadata(owner):
        return NOTHING
    claims = _claim(owner, pods)
    surplus = len(claims.owned) - size_of(owner)
    actions: list[Action] = list(claims.patches)
    if surplus < 0:
        actions += [_creation(owner)] * min(-surplus, _BURST)
    elif surplus > 0:
        actions += [_deletion(owner, pod) for pod in in_deletion_order(claims.owned)[: min(surplus, _BURST)]]
    return Plan(actions)


def _creation(owner: Object) -> Create:
    pod = pod_from_template(owner, owner["spec"]["template"], generateName=f"{metadata(owner)['name']}-")
    done = Notice(owner, "SuccessfulCreate", "Created pod: {name}")
    return Create(PODS, pod, done, Notice(owner, "FailedCreate", "Error creating: {error}", "Warning"))


def _deletion(owner: Object, pod: Object) -> Delete:
    return delete_of(PODS, pod, done=Notice(owner, "SuccessfulDelete", "Deleted pod: {name}"))


def in_deletion_order(pods: Iterable[Object]) -> list[Object]:
    """Sort pods so that those which are missed least come first."""
    return sorted(pods, key=_worth)


def _worth(pod: Object) -> tuple[float, ...]:
    since = ready_since(pod)
    cost = annotations_of(pod).get(_DELETION_COST, "0")
    return (
        bool((pod.get("spec") or {}).get("nodeName")),
        {"Pending": 0, "Unknown": 1}.get(phase_of(pod), 2),
        since is not None,
        int(cost) if cost.lstrip("-").isdecimal() else 0,
        -(since or 0.0),
        -restarts_of(pod),
        -created_at(pod),
    )


def report_replicas(
    resource: GroupResource, owner: Object, pods: Sequence[Object], *, now: float, failure: ApiError | None
) -> Plan:
    """Compute the status from the pods of the namespace, and when the next one becomes available."""
    owned = list(_claim(owner, pods).owned)
    before = owner.get("status") or {}
    template = ((owner["spec"]["template"].get("metadata") or {}).get("labels") or {}).items()
    available, again_at = count_available(owned, int(owner["spec"].get("minReadySeconds") or 0), now)
    counts = {
        "fullyLabeledReplicas": sum(template <= labels_of(pod).items() for pod in owned),
        "readyReplicas": sum(ready_since(pod) is not None for pod in owned),
        "availableReplicas": available,
    }
    status: dict[str, Any] = {key: value for key, value in counts.items() if value}
    status["replicas"] = len(owned)
    status["observedGeneration"] = metadata(owner).get("generation", 0)
    wanted = size_of(owner) - len(owned)
    if conditions := _conditions(before.get("conditions"), wanted, now=now, failure=failure):
        status["conditions"] = conditions
    return Plan(status_patches(resource, owner, status), again_at)


def _conditions(
    conditions: Sequence[Condition] | None, wanted: int, *, now: float, failure: ApiError | None
) -> list[Condition]:
    if failure is None:
        return without_condition(conditions, "ReplicaFailure")
    if find_condition(conditions, "ReplicaFailure"):
        return list(conditions or ())
    reason = "FailedDelete" if wanted < 0 else "FailedCreate"
    new = {"type": "ReplicaFailure", "status": "True", "reason": reason, "message": failure.message}
    return with_condition(conditions, new, now)
