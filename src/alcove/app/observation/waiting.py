"""Pods of sessions: where a request waits while the application restarts, instead of failing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from alcove.admission import markers
from alcove.routing.addresses import render_address
from alcove.sessions.ids import belongs_to

_PENDING, _RUNNING = "Pending", "Running"


def lets_wait(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod with a proxy is of a session of its namespace."""
    session = markers.labels_of(pod).get(markers.SESSION_LABEL)
    namespace = markers.mapping(pod, "metadata").get("namespace")
    return markers.is_marked(pod) and belongs_to(str(session), str(namespace))


def observe_waiting(pods: Iterable[object]) -> dict[str, frozenset[str]]:
    """Give the addresses of the pods of sessions whose proxies run, by namespace.

    So those count that wait for their image, but not those on their way out.
    """
    found: dict[str, set[str]] = {}
    for pod in pods:
        if isinstance(pod, dict) and lets_wait(pod) and _runs(pod):
            namespace = str(markers.mapping(pod, "metadata").get("namespace"))
            found.setdefault(namespace, set()).update(pod_addresses(pod))
    return {namespace: frozenset(addresses) for namespace, addresses in found.items()}


def pod_addresses(pod: Mapping[str, Any]) -> tuple[str, ...]:
    """Give a pod's addresses in canonical spelling, sorted."""
    status = markers.mapping(pod, "status")
    given = [one.get("ip") for one in markers.sequence(status, "podIPs")] or [status.get("podIP")]
    return tuple(sorted(address for one in given if (address := _canonical(one))))


def _canonical(written: object) -> str:
    try:
        return render_address(written) if isinstance(written, str) else ""
    except ValueError:
        return ""


def _runs(pod: Mapping[str, Any]) -> bool:
    status = markers.mapping(pod, "status")
    if "deletionTimestamp" in markers.mapping(pod, "metadata"):
        return False
    started = any(
        one.get("name") == markers.PROXY and one.get("started") is True
        for one in markers.sequence(status, "initContainerStatuses")
    )
    return status.get("phase") == _RUNNING or (status.get("phase") == _PENDING and started)
