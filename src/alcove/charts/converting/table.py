"""Which API version became which, and by what change of structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from alcove.charts.converting import definitions, networking, scaling, workloads
from alcove.charts.model import Object
from alcove.charts.reading import mapping, name_of

Change = Callable[[dict[str, Any]], dict[str, Any]]
"""From an old object's content to the new one's, without touching the old; the caller sets ``apiVersion``."""


class Successor(NamedTuple):
    """What an API version became; ``version`` is empty when nothing did, and the object is left out."""

    version: str
    change: Change


class Conversion(NamedTuple):
    """What became of an object."""

    object: Object | None
    """None when there is no successor: it cannot be installed, and is left out."""
    note: str
    """``Deployment web: apps/v1beta2 -> apps/v1``; empty when nothing was done."""


def _same(item: dict[str, Any]) -> dict[str, Any]:
    return item


def _budget(item: dict[str, Any]) -> dict[str, Any]:
    """Keep an empty selector's meaning: it selected nothing, and now would select everything."""
    spec = mapping(item.get("spec"))
    if spec.get("selector") in ({}, None):
        return {**item, "spec": {key: value for key, value in spec.items() if key != "selector"}}
    return item


_CURRENT_WORKLOAD = {
    "Deployment": workloads.deployment,
    "DaemonSet": workloads.daemon_set,
    "ReplicaSet": workloads.replica_set,
    "StatefulSet": workloads.stateful_set,
}
_GONE = Successor("", _same)


def _all(group: str, old: str, kinds: str, change: Change = _same) -> dict[tuple[str, str], Successor]:
    return {(f"{group}/{old}", kind): Successor(f"{group}/v1", change) for kind in kinds.split()}


TABLE: Mapping[tuple[str, str], Successor] = {
    **{
        (version, kind): Successor("apps/v1", change)
        for version in ("extensions/v1beta1", "apps/v1beta1", "apps/v1beta2")
        for kind, change in _CURRENT_WORKLOAD.items()
    },
    **{
        (version, "Ingress"): Successor("networking.k8s.io/v1", networking.ingress)
        for version in ("extensions/v1beta1", "networking.k8s.io/v1beta1")
    },
    ("extensions/v1beta1", "NetworkPolicy"): Successor("networking.k8s.io/v1", networking.policy),
    ("extensions/v1beta1", "PodSecurityPolicy"): _GONE,
    ("policy/v1beta1", "PodSecurityPolicy"): _GONE,
    ("policy/v1beta1", "PodDisruptionBudget"): Successor("policy/v1", _budget),
    ("batch/v1beta1", "CronJob"): Successor("batch/v1", _same),
    ("batch/v2alpha1", "CronJob"): Successor("batch/v1", _same),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"): Successor("autoscaling/v2", scaling.from_v2beta1),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"): Successor("autoscaling/v2", _same),
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"): Successor(
        "apiextensions.k8s.io/v1", definitions.custom_resource
    ),
    **_all("networking.k8s.io", "v1beta1", "IngressClass"),
    **_all("rbac.authorization.k8s.io", "v1beta1", "Role RoleBinding ClusterRole ClusterRoleBinding"),
    **_all("rbac.authorization.k8s.io", "v1alpha1", "Role RoleBinding ClusterRole ClusterRoleBinding"),
    **_all("storage.k8s.io", "v1beta1", "StorageClass VolumeAttachment CSIDriver CSINode CSIStorageCapacity"),
    **_all("scheduling.k8s.io", "v1beta1", "PriorityClass"),
    **_all("scheduling.k8s.io", "v1alpha1", "PriorityClass"),
    **_all("coordination.k8s.io", "v1beta1", "Lease"),
    **_all("node.k8s.io", "v1beta1", "RuntimeClass"),
    **_all("apiregistration.k8s.io", "v1beta1", "APIService"),
    **_all(
        "admissionregistration.k8s.io",
        "v1beta1",
        "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
        definitions.webhooks,
    ),
}


def convert(item: Object) -> Conversion:
    """Convert an object, or each item of a ``List``; what is current is given back as it is, and no note."""
    if item.get("kind") == "List" and isinstance(item.get("items"), list):
        return _convert_list(item)
    before, kind = str(item.get("apiVersion")), str(item.get("kind"))
    successor = TABLE.get((before, kind))
    if successor is None:
        return _convert_reference(item)
    title = f"{kind} {name_of(item)}: {before}"
    if not successor.version:
        return Conversion(None, f"{title} has no successor, left out")
    changed = scaling.current_target(successor.change({**item}))
    return Conversion({**changed, "apiVersion": successor.version}, f"{title} -> {successor.version}")


def _convert_reference(item: Object) -> Conversion:
    changed = scaling.current_target(dict(item))
    if changed == item:
        return Conversion(item, "")
    return Conversion(changed, f"{item['kind']} {name_of(item)}: what it scales")


def _convert_list(item: Object) -> Conversion:
    done = [convert(entry) if isinstance(entry, dict) else Conversion(entry, "") for entry in item["items"]]
    notes = [each.note for each in done if each.note]
    if not notes:
        return Conversion(item, "")
    items = [each.object for each in done if each.object is not None]
    return Conversion({**item, "items": items}, "\n".join(notes))
