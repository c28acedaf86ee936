"""What single types ask for when they are written, beside the rules that hold for all.

*Reset* comes before admission and ownership: an endpoint forgets what it does not accept. *Prepare* comes
after admission and fills in what the system alone decides. Both change the given object in place; it is the
caller's own down to its metadata, so that anything deeper is replaced, never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.registry import definitions
from alcove.embedded.registry.services import SERVICES, inherit

_KEEP_STATUS_ON_CREATE = frozenset(("nodes",))
_EMPTY_STATUS: dict[str, Object] = {
    "services": {"loadBalancer": {}},
    "persistentvolumeclaims": {"phase": "Pending"},
    "persistentvolumes": {"phase": "Pending"},
    "namespaces": {"phase": "Active"},
    "replicasets.apps": {"replicas": 0},
    "statefulsets.apps": {"replicas": 0, "availableReplicas": 0},
    "ingresses.networking.k8s.io": {"loadBalancer": {}},
    "poddisruptionbudgets.policy": {
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "disruptionsAllowed": 0,
        "expectedPods": 0,
    },
    "horizontalpodautoscalers.autoscaling": {"desiredReplicas": 0},
    "volumeattachments.storage.k8s.io": {"attached": False},
}
_LABELS_FIXED_BY_STATUS = frozenset(("apps", "batch"))
_STATUS_LIKE = frozenset(("status", "approval"))
_JOB_NAME = ("batch.kubernetes.io/job-name", "job-name")
_JOB_UID = ("batch.kubernetes.io/controller-uid", "controller-uid")
_COMPUTE = ("cpu", "memory")


def reset_new(resource_type: ResourceType, item: Object) -> None:
    """Forget what a new object cannot bring along."""
    if _has_own_status(resource_type):
        item.pop("status", None)


def reset_changed(resource_type: ResourceType, new: Object, old: Object, subresource: str) -> None:
    """Take from ``old`` what this endpoint does not change."""
    if subresource in _STATUS_LIKE:
        _restore(new, old, except_for=("status", "metadata"))
        _restore_metadata(resource_type, new, old)
    elif subresource == "finalize":
        finalizers = (new.get("spec") or {}).get("finalizers") or []
        _restore(new, old, except_for=("spec", "metadata"))
        new["spec"] = {**(old.get("spec") or {}), "finalizers": finalizers}
        if not finalizers:
            del new["spec"]["finalizers"]
    elif not subresource and "status" in resource_type.subresources:
        _copy_field(new, old, "status")


def prepare_new(resource_type: ResourceType, item: Object, *, now: str) -> None:
    """Fill in what the system decides about a new object."""
    if _has_own_status(resource_type) and not resource_type.custom:
        item["status"] = _EMPTY_STATUS.get(resource_type.resource, {})
    prepare = _PREPARE_NEW.get(resource_type.resource)
    if prepare is not None:
        prepare(item, now)


def prepare_changed(resource_type: ResourceType, new: Object, old: Object, *, now: str) -> None:
    """Fill in what the system decides about a changed object."""
    if resource_type.resource == SERVICES:
        inherit(new, old)
    elif resource_type.resource == definitions.RESOURCE:
        definitions.prepare(new, old, now)


def _has_own_status(resource_type: ResourceType) -> bool:
    """Tell whether the status of a new object is the system's to set."""
    return "status" in resource_type.subresources and resource_type.resource not in _KEEP_STATUS_ON_CREATE


def quality_of_service(spec: Object) -> str:
    """Give the QoS class of a pod with defaults: ``Guaranteed``, ``Burstable`` or ``BestEffort``."""
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    resources = [container.get("resources") or {} for container in containers]
    amounts = [
        (each.get("requests") or {}, each.get("limits") or {})
        for each in [*resources, spec.get("resources") or {}]
    ]
    if not any(field in part for pair in amounts for part in pair for field in _COMPUTE):
        return "BestEffort"
    guaranteed = all(
        field in limits and requests.get(field, limits[field]) == limits[field]
        for requests, limits in amounts[:-1]
        for field in _COMPUTE
    )
    return "Guaranteed" if guaranteed else "Burstable"


def _prepare_pod(item: Object, now: str) -> None:
    spec = item.get("spec") or {}
    item["status"] = {"phase": "Pending", "qosClass": quality_of_service(spec)}
    if spec.get("schedulingGates"):
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
            "lastTransitionTime": now,
        }
        item["status"]["conditions"] = [condition]


def _prepare_namespace(item: Object, _now: str) -> None:
    spec = item.get("spec") or {}
    finalizers = list(spec.get("finalizers") or ())
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")
    item["spec"] = {**spec, "finalizers": finalizers}


def _prepare_job(item: Object, _now: str) -> None:
    """Tie the job to its pods by labels that no other job has."""
    spec = item.get("spec") or {}
    if spec.get("manualSelector"):
        return
    inner = item["metadata"]
    template = spec.get("template") or {}
    template_metadata = template.get("metadata") or {}
    labels = dict.fromkeys(_JOB_NAME, inner.get("name", "")) | dict.fromkeys(_JOB_UID, inner["uid"])
    labels |= template_metadata.get("labels") or {}
    selector = spec.get("selector") or {}
    matched = {_JOB_UID[0]: inner["uid"], **(selector.get("matchLabels") or {})}
    item["spec"] = {
        **spec,
        "selector": {**selector, "matchLabels": matched},
        "template": {**template, "metadata": {**template_metadata, "labels": labels}},
    }
    if not inner.get("labels"):
        inner["labels"] = dict(labels)


def _prepare_definition(item: Object, now: str) -> None:
    definitions.prepare(item, None, now)


_PREPARE_NEW: dict[str, Callable[[Object, str], None]] = {
    "pods": _prepare_pod,
    "namespaces": _prepare_namespace,
    "jobs.batch": _prepare_job,
    definitions.RESOURCE: _prepare_definition,
}


def _restore(new: Object, old: Object, *, except_for: Iterable[str]) -> None:
    for field in {*new, *old}.difference(except_for):
        _copy_field(new, old, field)


def _restore_metadata(resource_type: ResourceType, new: Object, old: Object) -> None:
    """Undo what status endpoints do not change of the metadata."""
    before: dict[str, Any] = old["metadata"]
    if resource_type.custom:
        tracked = new["metadata"].get("managedFields")
        new["metadata"] = dict(before)
        if tracked:
            new["metadata"]["managedFields"] = tracked
        return
    _copy_field(new["metadata"], before, "ownerReferences")
    if resource_type.group in _LABELS_FIXED_BY_STATUS:
        _copy_field(new["metadata"], before, "labels")


def _copy_field(new: Object, old: Object, field: str) -> None:
    if field in old:
        new[field] = old[field]
    else:
        new.pop(field, None)
