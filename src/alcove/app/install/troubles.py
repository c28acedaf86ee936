"""What keeps pods from running, in the cluster's own words: waiting containers, crashes, warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alcove.admission.markers import mapping, sequence
from alcove.kube.client import Object, object_key

_HARMLESS = ("PodInitializing", "ContainerCreating")
_WARNINGS = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong with a pod, or with what makes pods."""

    pod: str
    """The pod, or what an event is about."""
    why: str
    container: str = ""
    has_run: bool = False
    """Whether the container has a log that may tell more."""
    ended: bool = False
    """Whether that log is of a run before."""

    def __str__(self) -> str:
        where = f"{self.pod}/{self.container}" if self.container else self.pod
        return f"{where}: {self.why}"


def find_troubles(pods: Sequence[Object], events: Sequence[Object]) -> tuple[Trouble, ...]:
    """Give what is wrong; the last warnings about objects follow, where the pods do not say enough."""
    found = [trouble for pod in pods for trouble in _of_pod(pod)]
    told = {trouble.pod for trouble in found}
    names = {object_key(pod)[1] for pod in pods}
    warnings = [one for one in _warnings(events) if one.pod not in told and (one.pod in names or not pods)]
    return tuple(dict.fromkeys([*found, *warnings[-_WARNINGS:]]))


def _of_pod(pod: Object) -> Iterator[Trouble]:
    name, status = object_key(pod)[1], dict(mapping(pod, "status"))
    if "deletionTimestamp" in mapping(pod, "metadata"):
        return
    if status.get("phase") == "Failed":
        yield Trouble(name, str(status.get("message") or status.get("reason") or "it has failed"))
        return
    for condition in sequence(status, "conditions"):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield Trouble(
                name, str(condition.get("message") or condition.get("reason") or "no node takes it")
            )
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in sequence(status, key):
            yield from _of_container(name, container)


def _of_container(pod: str, status: Object) -> Iterator[Trouble]:
    name, state = str(status.get("name") or ""), mapping(status, "state")
    waiting, ended = mapping(state, "waiting"), mapping(state, "terminated")
    before = mapping(status, "lastState", "terminated")
    if waiting and waiting.get("reason") not in _HARMLESS:
        why = ": ".join(str(waiting[key]) for key in ("reason", "message") if waiting.get(key))
        yield Trouble(pod, why + _exit_of(before), name, has_run=bool(before), ended=bool(before))
    elif ended and ended.get("exitCode"):
        yield Trouble(pod, f"it has ended{_exit_of(ended)}", name, has_run=True)
    elif "running" in state and not status.get("ready"):
        yield Trouble(pod, "it runs and is not ready", name, has_run=True)


def _exit_of(ended: object) -> str:
    if not isinstance(ended, dict) or not ended:
        return ""
    reason = ended.get("reason")
    message = f": {ended['message']}" if ended.get("message") else ""
    told = f" ({reason}{message})" if reason and reason not in ("Error", "Completed") else ""
    return f", exit code {ended.get('exitCode')}{told}"


def _warnings(events: Sequence[Object]) -> list[Trouble]:
    """Give the warnings in the order in which they were last seen."""

    def moment(event: Object) -> str:
        return str(event.get("lastTimestamp") or event.get("eventTime") or "")

    found = sorted((one for one in events if one.get("type") == "Warning"), key=moment)
    return [
        Trouble(
            str(mapping(one, "involvedObject").get("name") or ""),
            f"{one.get('reason')}: {one.get('message')}",
        )
        for one in found
    ]
