"""What controllers want to know of pods, and pods made from templates."""

from __future__ import annotations

from typing import Any

from alcove.embedded.controllers.ownership import controller_reference
from alcove.embedded.controllers.times import find_condition, seconds_of
from alcove.embedded.objects import GroupResource, Object, metadata

PODS = GroupResource("pods")


def phase_of(pod: Object) -> str:
    """Give the pod's phase; ``Pending`` when it has none yet."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def is_finished(pod: Object) -> bool:
    """Whether all its containers have ended for good."""
    return phase_of(pod) in ("Succeeded", "Failed")


def is_terminating(pod: Object) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in metadata(pod)


def is_active(pod: Object) -> bool:
    """Whether it counts as one of its owner's: neither finished nor being deleted."""
    return not is_finished(pod) and not is_terminating(pod)


def ready_since(pod: Object) -> float | None:
    """Give since when it is ready (seconds since the epoch), None when it is not."""
    condition = find_condition((pod.get("status") or {}).get("conditions"), "Ready")
    if condition is None or condition.get("status") != "True":
        return None
    return seconds_of(condition.get("lastTransitionTime")) or 0.0


def available_at(pod: Object, min_ready_seconds: int) -> float | None:
    """Give from when on the pod counts as available if it stays ready; None when it is not ready."""
    since = ready_since(pod)
    return None if since is None else since + min_ready_seconds


def count_available(pods: list[Object], min_ready_seconds: int, now: float) -> tuple[int, float | None]:
    """Give how many pods are available, and when the next one will be."""
    times = [at for pod in pods if (at := available_at(pod, min_ready_seconds)) is not None]
    if not min_ready_seconds:
        return len(times), None
    return sum(at <= now for at in times), min((at for at in times if at > now), default=None)


def restarts_of(pod: Object) -> int:
    """Give how often its containers were started again."""
    return sum(
        int(one.get("restartCount") or 0) for one in (pod.get("status") or {}).get("containerStatuses") or ()
    )


def pod_from_template(owner: Object, template: Object, **names: str) -> dict[str, Any]:
    """Give a pod that ``owner`` controls; ``names`` is ``name`` or ``generateName``.

    Its metadata may be changed by the caller, its spec is the template's own and may not.
    """
    meta = template.get("metadata") or {}
    pod_meta: dict[str, Any] = {
        **names,
        "namespace": metadata(owner)["namespace"],
        "labels": dict(meta.get("labels") or {}),
        "annotations": dict(meta.get("annotations") or {}),
        "ownerReferences": [controller_reference(owner)],
    }
    if meta.get("finalizers"):
        pod_meta["finalizers"] = list(meta["finalizers"])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": pod_meta, "spec": template.get("spec") or {}}
