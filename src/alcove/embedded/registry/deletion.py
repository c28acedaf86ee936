"""Decides what a delete does to an object: nothing, a mark and a wait, or its end."""

from __future__ import annotations

import calendar
import time
from typing import NamedTuple

from alcove.embedded.faults import Cause, conflict, forbidden, invalid
from alcove.embedded.objects import GroupResource, Object, ObjectKey
from alcove.embedded.ports import DeleteOptions
from alcove.embedded.registry.metadata import timestamp

NAMESPACES = GroupResource("namespaces")
PODS = GroupResource("pods")
ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
_PROPAGATION = {"Background": "", "Foreground": FOREGROUND, "Orphan": ORPHAN}
_IMMORTAL_NAMESPACES = frozenset(("default", "kube-system", "kube-public"))


class Deletion(NamedTuple):
    """What is to be done."""

    object: Object
    """The object's next state, the present one when nothing changes."""
    remove: bool
    """Whether it ends now; ``object`` is then its last state."""


def check_request(key: ObjectKey, delete: DeleteOptions) -> None:
    """Refuse what may not be deleted at all.

    Raises:
        ApiError: 403 for the namespaces of the system, 422 for an unknown propagation policy.
    """
    if key.resource == NAMESPACES and key.name in _IMMORTAL_NAMESPACES:
        raise forbidden(key.resource, key.name, "this namespace may not be deleted")
    if delete.propagation and delete.propagation not in _PROPAGATION:
        known = '"Foreground", "Background", "Orphan", "nil"'
        message = f'Unsupported value: "{delete.propagation}": supported values: {known}'
        cause = Cause("FieldValueNotSupported", message, "propagationPolicy")
        raise invalid("DeleteOptions", "meta.k8s.io", "", [cause])


def check_preconditions(item: Object, delete: DeleteOptions) -> None:
    """Raise 409, which names the kind as Kubernetes does, when the object is not the one that was meant."""
    inner = item["metadata"]
    group = item["apiVersion"].rpartition("/")[0]
    kind = f"{item['kind']}.{group}" if group else item["kind"]
    if delete.uid and delete.uid != inner.get("uid"):
        why = (
            f"the UID in the precondition ({delete.uid}) does not match the UID in record "
            f"({inner.get('uid')}). The object might have been deleted and then recreated"
        )
        raise conflict(kind, inner["name"], why)
    if delete.resource_version and delete.resource_version != inner["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({delete.resource_version}) does not match "
            f"the ResourceVersion in record ({inner['resourceVersion']}). The object might have been modified"
        )
        raise conflict(kind, inner["name"], why)


def decide(key: ObjectKey, item: Object, delete: DeleteOptions, *, now: float) -> Deletion:
    """Give the consequence of a delete; ``now`` in seconds since the epoch."""
    if key.resource == NAMESPACES:
        return _decide_namespace(item, delete, now)
    marked = item
    if key.resource == PODS:
        if _is_pending(item, delete):
            return Deletion(item, remove=False)
        marked = _graceful(item, delete, now)
    finalizers = _finalizers(item, delete)
    if finalizers:
        return Deletion(_waiting(marked, finalizers, now), remove=False)
    grace = marked["metadata"].get("deletionGracePeriodSeconds") if marked is not item else 0
    return Deletion(marked, remove=not grace)


def _decide_namespace(item: Object, delete: DeleteOptions, now: float) -> Deletion:
    spec = item.get("spec") or {}
    finalizers = _finalizers(item, delete)
    if item["metadata"].get("deletionTimestamp"):
        return Deletion(item, remove=not spec.get("finalizers") and not finalizers)
    marked = _with_metadata(item, {"deletionTimestamp": timestamp(now), "finalizers": finalizers})
    marked["status"] = {**(item.get("status") or {}), "phase": "Terminating"}
    return Deletion(marked, remove=False)


def _finalizers(item: Object, delete: DeleteOptions) -> list[str]:
    present = list(item["metadata"].get("finalizers") or ())
    if not delete.propagation:
        return present
    kept = [name for name in present if name not in (ORPHAN, FOREGROUND)]
    added = _PROPAGATION[delete.propagation]
    return [*kept, added] if added else kept


def _waiting(item: Object, finalizers: list[str], now: float) -> Object:
    inner = item["metadata"]
    changes: Object = {} if inner.get("finalizers") == finalizers else {"finalizers": finalizers}
    if not inner.get("deletionTimestamp"):
        changes["deletionTimestamp"] = timestamp(now)
        changes["deletionGracePeriodSeconds"] = 0
        changes |= _next_generation(inner)
    return _with_metadata(item, changes) if changes else item


def _is_pending(pod: Object, delete: DeleteOptions) -> bool:
    """Tell whether the pod is ending already and nothing shorter is asked for."""
    inner = pod["metadata"]
    current = inner.get("deletionGracePeriodSeconds")
    if not inner.get("deletionTimestamp") or not current:
        return False
    return delete.grace_seconds is None or _bounded(delete.grace_seconds) >= current


def _graceful(pod: Object, delete: DeleteOptions, now: float) -> Object:
    inner = pod["metadata"]
    if not inner.get("deletionTimestamp"):
        grace = _grace(pod, delete)
        changes = {"deletionTimestamp": timestamp(now + grace), "deletionGracePeriodSeconds": grace}
        return _with_metadata(pod, changes | _next_generation(inner))
    if not inner.get("deletionGracePeriodSeconds"):
        return pod
    grace = _bounded(delete.grace_seconds or 0)
    begun = _seconds(inner["deletionTimestamp"]) - inner["deletionGracePeriodSeconds"]
    end = begun + grace
    if end < now:
        end, grace = now, min(grace, 1)
    return _with_metadata(pod, {"deletionTimestamp": timestamp(end), "deletionGracePeriodSeconds": grace})


def _grace(pod: Object, delete: DeleteOptions) -> int:
    spec = pod.get("spec") or {}
    if not spec.get("nodeName") or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    if delete.grace_seconds is not None:
        return _bounded(delete.grace_seconds)
    return _bounded(spec.get("terminationGracePeriodSeconds") or 0)


def _bounded(seconds: int) -> int:
    return 1 if seconds < 0 else seconds


def _next_generation(inner: Object) -> Object:
    generation = inner.get("generation")
    return {"generation": generation + 1} if generation else {}


def _with_metadata(item: Object, changes: Object) -> Object:
    inner = {**item["metadata"], **changes}
    if not inner.get("finalizers"):
        inner.pop("finalizers", None)
    return {**item, "metadata": inner}


def _seconds(written: str) -> int:
    return calendar.timegm(time.strptime(written, "%Y-%m-%dT%H:%M:%SZ"))
