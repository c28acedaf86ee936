"""What the pods of a session are doing, read from their objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alcove.admission.sessions import agent_ports, image_tag
from alcove.sessions.objects import BUILD_CONTAINER, BUILD_LABEL, SESSION_LABEL


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container whose command our agent runs."""

    name: str
    image: str
    port: int
    """Where its agent listens on the pod's loopback."""
    running: bool
    started: str
    """What tells one life of the container from the next."""


@dataclass(frozen=True, slots=True)
class PodView:
    """One pod of a session."""

    name: str
    uid: str
    node: str
    build: int
    ip: str
    ready: bool
    ending: bool
    waits: bool
    """Whether it waits for its image."""
    containers: tuple[ContainerView, ...]
    images: tuple[str, ...] = ()
    """What has to be on its node: also what init containers and jobs run, beside which no agent is."""
    trouble: str = ""
    """Why it does not come up, as far as its status tells."""
    pull_secrets: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether every session container of it runs."""
        return bool(self.containers) and all(one.running for one in self.containers)


def view_pod(pod: Mapping[str, Any]) -> PodView:
    """Read one pod."""
    meta, spec, status = (dict(pod.get(key) or {}) for key in ("metadata", "spec", "status"))
    statuses = {one["name"]: one for one in status.get("containerStatuses") or ()}
    return PodView(
        name=str(meta.get("name", "")),
        uid=str(meta.get("uid", "")),
        node=str(spec.get("nodeName") or ""),
        build=_number((meta.get("labels") or {}).get(BUILD_LABEL, "")),
        ip=str(status.get("podIP") or ""),
        ready=_holds(status, "Ready"),
        ending="deletionTimestamp" in meta or status.get("phase") in ("Failed", "Succeeded"),
        waits=_waits(status),
        containers=tuple(_containers(pod, statuses)),
        images=tuple(sorted(_images(spec, meta.get("labels") or {}))),
        trouble=find_trouble(status),
        pull_secrets=tuple(one["name"] for one in spec.get("imagePullSecrets") or () if one.get("name")),
    )


def find_trouble(status: Mapping[str, Any]) -> str:
    """Give why a pod does not come up, as far as its status tells; empty when nothing speaks against it."""
    for one in status.get("conditions") or ():
        if one.get("type") == "PodScheduled" and one.get("status") == "False":
            return f"it cannot be scheduled: {one.get('message') or one.get('reason') or 'no node fits'}"
    if status.get("phase") == "Failed":
        return f"it ended: {status.get('message') or status.get('reason') or 'Failed'}"
    for key in ("initContainerStatuses", "containerStatuses"):
        for one in status.get(key) or ():
            if told := _container_trouble(one):
                return f"container {one.get('name')}: {told}"
    return ""


def current(pods: Iterable[PodView], build: int) -> Sequence[PodView]:
    """Give the pods of one build that are not on their way out, by name."""
    return sorted((one for one in pods if one.build == build and not one.ending), key=lambda one: one.name)


def _containers(pod: Mapping[str, Any], statuses: Mapping[str, Any]) -> Iterable[ContainerView]:
    images = {one["name"]: str(one["image"]) for one in (pod.get("spec") or {}).get("containers") or ()}
    for name, port in agent_ports(pod).items():
        running = (statuses.get(name, {}).get("state") or {}).get("running")
        started = str((running or {}).get("startedAt") or "")
        yield ContainerView(name, images[name], port, running is not None, started)


def _images(spec: Mapping[str, Any], labels: Mapping[str, Any]) -> set[str]:
    """Give the images of a pod that its session builds."""
    tag = f"{labels.get(SESSION_LABEL)}-{labels.get(BUILD_LABEL)}"
    every = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return {str(one["image"]) for one in every if str(image_tag(one.get("image"))) == tag}


def _waits(status: Mapping[str, Any]) -> bool:
    return any(
        one.get("name") == BUILD_CONTAINER and "running" in (one.get("state") or {})
        for one in status.get("initContainerStatuses") or ()
    )


def _container_trouble(status: Mapping[str, Any]) -> str:
    state = status.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = str(waiting.get("reason") or "")
    if reason and reason not in ("PodInitializing", "ContainerCreating"):
        return " ".join(part for part in (reason, str(waiting.get("message") or "")) if part)
    ended = state.get("terminated") or {}
    if ended and ended.get("exitCode"):
        return f"{ended.get('reason') or 'Error'}, exit code {ended['exitCode']}"
    return ""


def _holds(status: Mapping[str, Any], kind: str) -> bool:
    return any(
        one.get("type") == kind and one.get("status") == "True" for one in status.get("conditions") or ()
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
