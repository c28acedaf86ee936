"""Pods as people speak of them: what one is doing, since when, and whether its proxy does its part."""

from __future__ import annotations

from datetime import UTC, datetime

from alcove.admission.markers import PROXY, mapping, sequence
from alcove.kube.client import Object

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def describe_pod(pod: Object) -> str:
    """Give what a pod is doing, as kubectl's column has it; ``Starting`` while it is not ready."""
    status = dict(mapping(pod, "status"))
    if "deletionTimestamp" in mapping(pod, "metadata"):
        return "Terminating"
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in sequence(status, key):
            reason = mapping(container, "state", "waiting").get("reason")
            if reason and reason not in ("PodInitializing", "ContainerCreating"):
                return str(reason)
    phase = str(status.get("reason") or status.get("phase") or "Pending")
    return "Starting" if phase in ("Running", "Pending") and not is_ready(pod) else phase


def is_ready(pod: Object) -> bool:
    """Tell whether a pod's Ready condition holds."""
    conditions = sequence(dict(mapping(pod, "status")), "conditions")
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def is_connected(pod: Object) -> bool:
    """Tell whether a pod's proxy has got its routes: it counts as started only then."""
    statuses = sequence(dict(mapping(pod, "status")), "initContainerStatuses")
    return any(one.get("name") == PROXY and one.get("started") is True for one in statuses)


def created_at(item: Object) -> str:
    """Give when an object was created, empty when that is not known."""
    return str(mapping(item, "metadata").get("creationTimestamp") or "")


def tell_age(moment: str, now: float) -> str:
    """Give how long ago a moment was, in its largest unit; ``now`` in Unix seconds."""
    try:
        then = datetime.fromisoformat(moment).astimezone(UTC).timestamp()
    except ValueError:
        return ""
    seconds = max(0, int(now - then))
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "s"))
    return f"{seconds // size}{unit} ago"


def counted(number: int, what: str, many: str = "") -> str:
    """Give a number of things; ``many`` where the plural has more than an s."""
    return f"{number} {what if number == 1 else many or what + 's'}"
