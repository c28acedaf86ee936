"""The state of a pod in a few words, as ``kubectl get pods`` shows it.

The phase alone says little; what the containers wait for or ended with says why, and the state of init
containers goes before that of the others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from alcove.embedded.discovery import ages
from alcove.embedded.discovery.paths import at, entries
from alcove.embedded.objects import Object


class PodSummary(NamedTuple):
    """What the default columns say."""

    ready: str
    status: str
    restarts: str


class _Tally:
    """Counts over the containers of one pod."""

    def __init__(self) -> None:
        self.ready = 0
        self.restarts = 0
        self.last_restart = 0.0

    def count_restarts(self, container: Object) -> None:
        self.restarts += int(container.get("restartCount") or 0)
        ended = ages.parse_time(at(container, "lastState.terminated.finishedAt"))
        self.last_restart = max(self.last_restart, ended or 0.0)


def summarize_pod(pod: Object, now: float) -> PodSummary:
    """Give the pod's readiness, status and restarts as of ``now``."""
    sidecars = {
        each.get("name")
        for each in entries(pod, "spec.initContainers")
        if each.get("restartPolicy") == "Always"
    }
    total = len(entries(pod, "spec.containers")) + len(sidecars)
    tally, later = _Tally(), _Tally()
    blocked = _init_status(pod, sidecars, tally, later)
    status = blocked or _phase(pod)
    if not blocked or _condition(pod, "Initialized"):
        later.ready = tally.ready
        status = _container_status(pod, status, later)
        tally = later
    if at(pod, "metadata.deletionTimestamp"):
        if at(pod, "status.reason") == "NodeLost":
            status = "Unknown"
        elif at(pod, "status.phase") not in ("Succeeded", "Failed"):
            status = "Terminating"
    restarts = str(tally.restarts)
    if tally.restarts and tally.last_restart:
        restarts = f"{restarts} ({ages.human_duration(now - tally.last_restart)} ago)"
    return PodSummary(f"{tally.ready}/{total}", status, restarts)


def readiness_gates(pod: Object) -> str:
    """Give how many of the pod's readiness gates are true."""
    gates = entries(pod, "spec.readinessGates")
    if not gates:
        return "<none>"
    return f"{sum(_condition(pod, each.get('conditionType')) for each in gates)}/{len(gates)}"


def _phase(pod: Object) -> str:
    if any(each.get("reason") == "SchedulingGated" for each in entries(pod, "status.conditions")):
        return "SchedulingGated"
    return str(at(pod, "status.reason") or at(pod, "status.phase") or "Unknown")


def _condition(pod: Object, kind: Any) -> bool:
    return any(
        each.get("type") == kind and each.get("status") == "True"
        for each in entries(pod, "status.conditions")
    )


def _init_status(pod: Object, sidecars: set[Any], tally: _Tally, later: _Tally) -> str:
    """Give what the first init container that has not done its part is at; empty when all have."""
    for index, container in enumerate(entries(pod, "status.initContainerStatuses")):
        tally.count_restarts(container)
        sidecar = container.get("name") in sidecars
        if sidecar:
            later.count_restarts(container)
        ended = at(container, "state.terminated")
        if ended is not None and not ended.get("exitCode"):
            continue
        if sidecar and container.get("started"):
            tally.ready += bool(container.get("ready"))
            continue
        if ended is not None:
            return f"Init:{_end_reason(ended)}"
        waiting = at(container, "state.waiting.reason", "")
        if waiting not in ("", "PodInitializing"):
            return f"Init:{waiting}"
        return f"Init:{index}/{len(entries(pod, 'spec.initContainers'))}"
    return ""


def _container_status(pod: Object, status: str, tally: _Tally) -> str:
    running, failure = False, ""
    for container in reversed(entries(pod, "status.containerStatuses")):
        tally.count_restarts(container)
        ended = at(container, "state.terminated")
        waiting = at(container, "state.waiting.reason", "")
        if waiting:
            status = waiting
        elif ended is not None:
            status = _end_reason(ended)
            failure = status if ended.get("exitCode") else failure
        elif container.get("ready") and at(container, "state.running") is not None:
            running = True
            tally.ready += 1
    if status != "Completed":
        return status
    if running:
        return "Running" if _condition(pod, "Ready") else failure or "NotReady"
    return failure or status


def _end_reason(ended: Object) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    if ended.get("signal"):
        return f"Signal:{ended['signal']}"
    return f"ExitCode:{ended.get('exitCode', 0)}"
