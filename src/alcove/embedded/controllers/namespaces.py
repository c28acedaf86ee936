"""Namespaces: what each one has from its first moment, and how it is emptied at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from alcove.embedded.controllers.actions import (
    NOTHING,
    Action,
    Create,
    Patch,
    Plan,
    Update,
    delete_of,
    status_patches,
)
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.controllers.pods import PODS
from alcove.embedded.controllers.times import Condition, with_condition
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, Object, ObjectKey, WatchEvent, metadata
from alcove.embedded.ports import Catalog, ClusterReader

NAMESPACES = GroupResource("namespaces")
_ACCOUNTS = GroupResource("serviceaccounts")
_CONFIG_MAPS = GroupResource("configmaps")
_CA_MAP = "kube-root-ca.crt"
_FINALIZER = "kubernetes"

Contents = Mapping[GroupResource, Sequence[Object]]
"""What is left in a namespace, by resource; nothing for those that are empty."""


def namespaces(api: ClusterReader, catalog: Catalog, *, ca_certificate: str) -> Controller:
    """Give the controller of Namespaces."""

    def keys(event: WatchEvent) -> Iterable[ObjectKey]:
        meta = metadata(event.object)
        if event.resource == NAMESPACES:
            return (ObjectKey(NAMESPACES, "", meta["name"]),)
        name = meta.get("namespace")
        if not name or not (event.type == "DELETED" or _is_standard(event.resource, meta["name"])):
            return ()
        space = api.get(NAMESPACES, "", name)
        if space is None:
            return ()
        ending = "deletionTimestamp" in metadata(space)
        return (
            (ObjectKey(NAMESPACES, "", name),) if ending or _is_standard(event.resource, meta["name"]) else ()
        )

    def contents(name: str) -> Contents:
        resources = dict.fromkeys(
            one.resource
            for one in catalog.types()
            if one.namespaced and one.implemented and "delete" in one.verbs and "list" in one.verbs
        )
        found = ((resource, api.list(resource, name)) for resource in resources)
        return {resource: items for resource, items in found if items}

    def plan(key: ObjectKey, now: float) -> Plan:
        if (space := api.get(*key)) is None:
            return NOTHING
        if "deletionTimestamp" in metadata(space):
            return plan_ending(space, contents(key.name))
        account = api.get(_ACCOUNTS, key.name, "default")
        return plan_standard(
            key.name, account, api.get(_CONFIG_MAPS, key.name, _CA_MAP), ca_certificate=ca_certificate
        )

    def report(key: ObjectKey, now: float, failure: ApiError | None) -> Plan:
        space = api.get(*key)
        if space is None or "deletionTimestamp" not in metadata(space):
            return NOTHING
        return report_ending(space, contents(key.name), now=now, failure=failure)

    return Controller("namespace-controller", (), keys, plan, report)


def _is_standard(resource: GroupResource, name: str) -> bool:
    return (resource, name) in ((_ACCOUNTS, "default"), (_CONFIG_MAPS, _CA_MAP))


def plan_standard(name: str, account: Object | None, ca_map: Object | None, *, ca_certificate: str) -> Plan:
    """Give the namespace its default ServiceAccount and the cluster's certificate authority."""
    actions: list[Action] = []
    if account is None:
        meta = {"name": "default", "namespace": name}
        actions.append(Create(_ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}))
    published = {"ca.crt": ca_certificate}
    if ca_map is None:
        about = "Contains a CA bundle that can be used to verify the kube-apiserver"
        meta_of_map = {
            "name": _CA_MAP,
            "namespace": name,
            "annotations": {"kubernetes.io/description": f"{about} of this cluster."},
        }
        item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta_of_map, "data": published}
        actions.append(Create(_CONFIG_MAPS, item))
    elif ca_map.get("data") != published:
        actions.append(Patch(_CONFIG_MAPS, name, _CA_MAP, {"data": published}))
    return Plan(actions)


def plan_ending(space: Object, contents: Contents) -> Plan:
    """Delete what is in the namespace, pods before all else, and let it go once it is empty."""
    now_due = {PODS: contents[PODS]} if PODS in contents else contents
    actions: list[Action] = [
        delete_of(resource, item)
        for resource, items in now_due.items()
        for item in items
        if "deletionTimestamp" not in metadata(item)
    ]
    finalizers = (space.get("spec") or {}).get("finalizers") or []
    if not contents and _FINALIZER in finalizers:
        kept = [one for one in finalizers if one != _FINALIZER]
        actions.append(
            Update(NAMESPACES, {**space, "spec": {**space["spec"], "finalizers": kept}}, "finalize")
        )
    return Plan(actions)


def report_ending(space: Object, contents: Contents, *, now: float, failure: ApiError | None) -> Plan:
    """Say what the namespace still waits for."""
    status = dict(space.get("status") or {})
    conditions: list[Condition] = list(status.get("conditions") or ())
    for condition in _conditions(contents, failure):
        conditions = with_condition(conditions, condition, now)
    status |= {"phase": "Terminating", "conditions": conditions}
    finalizers = (space.get("spec") or {}).get("finalizers")
    if not contents and not finalizers:
        return NOTHING
    return Plan(status_patches(NAMESPACES, space, status))


_CALM = {
    "NamespaceDeletionDiscoveryFailure": ("ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": (
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    "NamespaceDeletionContentFailure": (
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    "NamespaceContentRemaining": ("ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": (
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    ),
}
"""The conditions of a namespace that ends as it should: reason and message of each with status ``False``."""


def _conditions(contents: Contents, failure: ApiError | None) -> list[Condition]:
    troubles: dict[str, tuple[str, str]] = {}
    if failure is not None:
        text = f"Failed to delete all resource types, 1 remaining: {failure.message}"
        troubles["NamespaceDeletionContentFailure"] = ("ContentDeletionFailed", text)
    if contents:
        counts = (
            f"{_qualified(resource)} has {len(items)} resource instances"
            for resource, items in sorted(contents.items())
        )
        text = f"Some resources are remaining: {', '.join(counts)}"
        troubles["NamespaceContentRemaining"] = ("SomeResourcesRemain", text)
    if held := _finalizers(contents):
        counts = (f"{name} in {count} resource instances" for name, count in sorted(held.items()))
        text = f"Some content in the namespace has finalizers remaining: {', '.join(counts)}"
        troubles["NamespaceFinalizersRemaining"] = ("SomeFinalizersRemain", text)
    found: list[Condition] = []
    for kind, calm in _CALM.items():
        reason, message = troubles.get(kind, calm)
        status = "True" if kind in troubles else "False"
        found.append({"type": kind, "status": status, "reason": reason, "message": message})
    return found


def _qualified(resource: GroupResource) -> str:
    return resource if "." in resource else f"{resource}."


def _finalizers(contents: Contents) -> dict[str, int]:
    counts: dict[str, int] = {}
    for items in contents.values():
        for item in items:
            for finalizer in metadata(item).get("finalizers") or ():
                counts[finalizer] = counts.get(finalizer, 0) + 1
    return counts
