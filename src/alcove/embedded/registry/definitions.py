"""The life of CustomResourceDefinitions: accepted at once, and gone only after the last object of theirs.

A CRD's name is the name of its resource (``widgets.example.com``), which is how objects find their CRD.
"""

from __future__ import annotations

from typing import Protocol

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, Object, ObjectKey, ResourceType
from alcove.embedded.storage import ObjectStore

RESOURCE = GroupResource("customresourcedefinitions.apiextensions.k8s.io")
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
"""The finalizer that keeps a CRD until its objects are gone."""


class CustomTypes(Protocol):
    """Where the types that CRDs define are served (room: schema)."""

    def install_crd(self, crd: Object) -> None:
        """Serve, or serve anew, what a CRD defines."""

    def remove_crd(self, name: str) -> None:
        """Serve the types of this CRD no longer; nothing happens when there is none."""


def prepare(item: Object, old: Object | None, now: str) -> None:
    """Fill in the names that follow from others, and the status of a CRD that is served."""
    spec = item.get("spec") or {}
    names = spec.get("names") or {}
    kind = str(names.get("kind", ""))
    names = {"singular": kind.lower(), "listKind": f"{kind}List"} | {k: v for k, v in names.items() if v}
    item["spec"] = {"conversion": {"strategy": "None"}, **spec, "names": names}
    status = (item if old is not None else {}).get("status") or {}
    stored = list(status.get("storedVersions") or ())
    for version in spec.get("versions") or ():
        if version.get("storage") and version.get("name") not in stored:
            stored.append(version.get("name"))
    conditions = status.get("conditions") or [
        _condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
        _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", now),
    ]
    item["status"] = {"conditions": conditions, "acceptedNames": names, "storedVersions": stored}


def _condition(kind: str, reason: str, message: str, now: str) -> Object:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": now,
    }


def key_of(resource: GroupResource) -> ObjectKey:
    """Give the key of the CRD that would define a resource."""
    return ObjectKey(RESOURCE, "", resource)


def with_cleanup(crd: Object) -> Object:
    """Give the CRD with the finalizer that waits for its objects."""
    inner = crd["metadata"]
    finalizers = inner.get("finalizers") or []
    if CLEANUP in finalizers:
        return crd
    return {**crd, "metadata": {**inner, "finalizers": [*finalizers, CLEANUP]}}


def without_cleanup(crd: Object) -> Object:
    """Give the CRD without that finalizer."""
    inner = dict(crd["metadata"])
    inner["finalizers"] = [name for name in inner.get("finalizers") or () if name != CLEANUP]
    if not inner["finalizers"]:
        del inner["finalizers"]
    return {**crd, "metadata": inner}


def refuse_when_terminating(store: ObjectStore, resource_type: ResourceType) -> None:
    """Raise 405 for a new object of a CRD that is being deleted."""
    crd = store.get(key_of(resource_type.resource))
    if crd is not None and crd.object["metadata"].get("deletionTimestamp"):
        message = "create not allowed while custom resource definition is terminating"
        raise ApiError(405, "MethodNotAllowed", message)


def is_awaiting(store: ObjectStore, resource: GroupResource) -> bool:
    """Tell whether a CRD waits for this resource's objects to go, and none is left."""
    crd = store.get(key_of(resource))
    return (
        crd is not None
        and bool(crd.object["metadata"].get("deletionTimestamp"))
        and CLEANUP in (crd.object["metadata"].get("finalizers") or ())
        and not store.count(resource)
    )


def reload(store: ObjectStore, types: CustomTypes) -> None:
    """Serve every CRD that is stored."""
    for crd in store.list(RESOURCE):
        types.install_crd(crd.object)
