"""The rules of ``metadata``: what the system sets, what nobody may change, and when a write changes nothing.

Objects given here as ``item`` or ``new`` are the caller's own down to their metadata; deeper they are shared.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from alcove.embedded.faults import ApiError, Cause, bad_request, conflict
from alcove.embedded.objects import Object, ObjectKey, ResourceType

STALE = "the object has been modified; please apply your changes to the latest version and try again"
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5
_LONGEST_PREFIX = 63 - _SUFFIX_LENGTH
_SYSTEM_FIELDS = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_GENERATION_GROUPS = frozenset(
    (
        "apps",
        "batch",
        "policy",
        "networking.k8s.io",
        "apiextensions.k8s.io",
        "admissionregistration.k8s.io",
        "discovery.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "scheduling.k8s.io",
        "resource.k8s.io",
    )
)
_NO_GENERATION = frozenset(("controllerrevisions.apps",))
_GENERATION_RESOURCES = frozenset(("pods", "podtemplates", "replicationcontrollers"))


def timestamp(seconds: float) -> str:
    """Give a time as the API writes it: RFC 3339, UTC, whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def mapping(value: Any) -> dict[str, Any]:
    """Give a part of an unchecked object as a mapping, empty when it is something else."""
    return value if isinstance(value, dict) else {}


def own(resource_type: ResourceType, item: Object) -> Object:
    """Give a copy, shallow but for its metadata, whose ``apiVersion`` and ``kind`` are the type's.

    Raises:
        ApiError: 400 when they are another type's, or it has no proper metadata.
    """
    found = (item.get("apiVersion") or resource_type.api_version, item.get("kind") or resource_type.kind)
    if found[0] != resource_type.api_version:
        raise bad_request(
            f"the API version in the data ({found[0]}) does not match "
            f"the expected API version ({resource_type.api_version})"
        )
    if found[1] != resource_type.kind:
        raise bad_request(
            f"{found[1]} in version {resource_type.version!r} cannot be handled as a {resource_type.kind}"
        )
    inner = item.get("metadata")
    if inner is not None and not isinstance(inner, dict):
        raise bad_request("metadata must be an object")
    return {"apiVersion": found[0], "kind": found[1], **item, "metadata": dict(inner or {})}


def place(resource_type: ResourceType, item: Object, *, namespace: str, name: str) -> None:
    """Fill in the namespace of the request; raise 400 when the object names another place.

    ``name`` is the name in the path, empty when it has none.
    """
    inner = item["metadata"]
    stated = inner.get("namespace") or ""
    if stated and stated != namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if resource_type.namespaced and not namespace:
        raise bad_request("an object of this type needs a namespace")
    if namespace:
        inner["namespace"] = namespace
    else:
        inner.pop("namespace", None)
    if not name:
        return
    if not inner.get("name"):
        inner["name"] = name
    if inner["name"] != name:
        raise bad_request(
            f"the name of the object ({inner['name']}) does not match the name on the URL ({name})"
        )


def generated_name(prefix: str) -> str:
    """Give ``prefix`` with a random suffix, short enough for a label."""
    suffix = "".join(_SUFFIX_ALPHABET[byte % len(_SUFFIX_ALPHABET)] for byte in os.urandom(_SUFFIX_LENGTH))
    return prefix[:_LONGEST_PREFIX] + suffix


def begin(resource_type: ResourceType, item: Object, *, uid: str, now: str) -> None:
    """Set what the system sets on a new object.

    Raises:
        ApiError: 500, as in Kubernetes, when it carries a resourceVersion.
    """
    inner = item["metadata"]
    if inner.pop("resourceVersion", None):
        raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"):
        inner.pop(field, None)
    inner["uid"] = uid
    inner["creationTimestamp"] = now
    if has_generation(resource_type):
        inner["generation"] = 1


def has_generation(resource_type: ResourceType) -> bool:
    """Tell whether objects of this type count the changes of their specification."""
    return (
        resource_type.custom
        or (resource_type.group in _GENERATION_GROUPS and resource_type.resource not in _NO_GENERATION)
        or resource_type.resource in _GENERATION_RESOURCES
    )


def carry_over(new: Object, old: Object, key: ObjectKey) -> None:
    """Take over from ``old`` what an update cannot change.

    Raises:
        ApiError: 409 when ``new`` was made from another version of the object, or from another object.
    """
    inner, before = new["metadata"], old["metadata"]
    if (inner.get("uid") or before.get("uid")) != before.get("uid"):
        uids = f"UID in precondition: {inner['uid']}, UID in object meta: {before.get('uid')}"
        raise conflict(key.resource, key.name, f"Precondition failed: {uids}")
    if (inner.get("resourceVersion") or before["resourceVersion"]) != before["resourceVersion"]:
        raise conflict(key.resource, key.name, STALE)
    inner["resourceVersion"] = before["resourceVersion"]
    for field in _SYSTEM_FIELDS:
        if field in before:
            inner[field] = before[field]
        else:
            inner.pop(field, None)


def change_causes(new: Object, old: Object) -> list[Cause]:
    """Give what is wrong with the new metadata beside its types."""
    before = old["metadata"]
    if not before.get("deletionTimestamp"):
        return []
    extra = sorted(set(new["metadata"].get("finalizers") or ()) - set(before.get("finalizers") or ()))
    if not extra:
        return []
    told = ", ".join(f'"{name}"' for name in extra)
    message = (
        "Forbidden: no new finalizers can be added if the object is being deleted, "
        f"found new finalizers []string{{{told}}}"
    )
    return [Cause("FieldValueForbidden", message, "metadata.finalizers")]


def count_generation(resource_type: ResourceType, new: Object, old: Object) -> None:
    """Raise the generation when anything beside metadata and status differs."""
    if not has_generation(resource_type):
        return
    status_apart = "status" in resource_type.subresources or not resource_type.custom
    ignored = ("metadata", "status") if status_apart else ("metadata",)
    if any(new.get(field) != old.get(field) for field in {*new, *old} if field not in ignored):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def is_unchanged(new: Object, old: Object) -> bool:
    """Tell whether the write would only touch the times of managed fields."""
    if new == old:
        return True
    if any(new.get(field) != old.get(field) for field in {*new, *old} if field != "metadata"):
        return False
    return _without_times(new["metadata"]) == _without_times(old["metadata"])


def is_finished(new: Object, old: Object) -> bool:
    """Tell whether a write of ``new`` ends an object that was waiting for its deletion."""
    before = old["metadata"]
    waiting = before.get("deletionTimestamp") and not before.get("deletionGracePeriodSeconds")
    if not waiting or new["metadata"].get("finalizers"):
        return False
    is_namespace = new["apiVersion"] == "v1" and new["kind"] == "Namespace"
    return not (is_namespace and (new.get("spec") or {}).get("finalizers"))


def _without_times(inner: Mapping[str, Any]) -> dict[str, Any]:
    entries = [
        {field: value for field, value in entry.items() if field != "time"}
        for entry in inner.get("managedFields") or ()
    ]
    return {**inner, "managedFields": entries}


def outrun(key: ObjectKey) -> ApiError:
    """Give the conflict of a write that others were faster than, again and again."""
    return conflict(key.resource, key.name, STALE)
