"""The status of a pod as the API shows it, from the states of its containers: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alcove.embedded.events import timestamp
from alcove.embedded.kubelet import steps
from alcove.embedded.kubelet.state import ContainerState, Kind, Phase
from alcove.embedded.objects import Object, metadata

_OWN = ("PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")


@dataclass(frozen=True, slots=True)
class PodView:
    """What a pod's status is made from besides its containers."""

    pod: Object
    """The pod as the API has it, with the conditions that others have set."""
    node_address: str
    address: str
    """The pod's; empty while it has no network."""
    started_at: float
    """When the node took it up (seconds since the epoch)."""
    now: float
    ending: bool = False
    reason: str = ""
    """Why the whole pod has failed, such as ``DeadlineExceeded``; empty otherwise."""
    message: str = ""


def render_status(view: PodView, containers: Sequence[ContainerState]) -> Object:
    """Give the status; null stands for a field that is to go."""
    pod, phase = view.pod, pod_phase(view, containers)
    status: Object = {
        "phase": phase,
        "conditions": _conditions(view, containers, phase),
        "hostIP": view.node_address,
        "hostIPs": [{"ip": view.node_address}],
        "startTime": timestamp(view.started_at),
    }
    if view.address:
        status |= {"podIP": view.address, "podIPs": [{"ip": view.address}]}
    for name, value in (("reason", view.reason), ("message", view.message)):
        if value or name in (pod.get("status") or {}):
            status[name] = value or None
    if generation := metadata(pod).get("generation"):
        status["observedGeneration"] = generation
    before = not steps.initialized(containers)
    for name, kinds in (
        ("initContainerStatuses", (Kind.INIT, Kind.SIDECAR)),
        ("containerStatuses", (Kind.MAIN,)),
        ("ephemeralContainerStatuses", (Kind.EPHEMERAL,)),
    ):
        rendered = [_render_container(c, before, view) for c in containers if c.kind in kinds]
        if rendered:
            status[name] = rendered
    return status


def pod_phase(view: PodView, containers: Sequence[ContainerState]) -> str:
    """Give ``Pending``, ``Running``, ``Succeeded`` or ``Failed``."""
    live = any(c.phase in (Phase.STARTING, Phase.RUNNING) for c in containers)
    if view.reason:
        return "Failed" if not live else (view.pod.get("status") or {}).get("phase") or "Running"
    mains = [c for c in containers if c.kind is Kind.MAIN]
    over = steps.completed(containers) or (view.ending and any(c.terminated for c in mains))
    if over and not live:
        good = not steps.init_failed(containers) and all(
            c.phase is Phase.ENDED and c.exit_code == 0 for c in mains
        )
        return "Succeeded" if good else "Failed"
    if view.ending and not live and not any(c.launched for c in mains):
        return "Failed"
    never_ran = any(c.phase in (Phase.WAITING, Phase.STARTING) and not c.terminated for c in mains)
    if never_ran or not steps.initialized(containers):
        return "Pending"
    return "Running"


def _render_container(container: ContainerState, before: bool, view: PodView) -> Object:
    state, last = _states(container, before, view)
    rendered: Object = {
        "name": container.name,
        "state": state,
        "lastState": {"terminated": last} if last else {},
        "ready": container.ready or _initialized_by(container),
        "restartCount": container.restarts,
        "image": container.image or container.spec.get("image", ""),
        "imageID": container.image_id,
    }
    if container.id:
        rendered["containerID"] = f"alcove://{container.id}"
    if container.kind is not Kind.INIT or container.launched:
        rendered["started"] = container.started
    return rendered


def _initialized_by(container: ContainerState) -> bool:
    done = container.phase is Phase.ENDED and container.exit_code == 0
    return container.kind is Kind.INIT and done


def _states(container: ContainerState, before: bool, view: PodView) -> tuple[Object, Object | None]:
    if container.phase is Phase.RUNNING:
        return {"running": {"startedAt": timestamp(container.started_at)}}, container.last
    ended = container.terminated
    if container.phase is Phase.ENDED and ended:
        if container.not_before > view.now and steps.restarts(container) and not view.ending:
            return {"waiting": _crash_loop(container, view.pod)}, ended
        return {"terminated": ended}, container.last
    waiting: Object = {"reason": container.reason or _plain_reason(container, before)}
    if container.message:
        waiting["message"] = container.message
    return {"waiting": waiting}, ended or container.last


def _plain_reason(container: ContainerState, before: bool) -> str:
    return "PodInitializing" if before and container.kind is Kind.MAIN else "ContainerCreating"


def _crash_loop(container: ContainerState, pod: Object) -> Object:
    seconds = round(container.not_before - container.ended_at)
    text = f"{seconds // 60}m{seconds % 60}s" if seconds >= 60 else f"{seconds}s"
    return {
        "reason": "CrashLoopBackOff",
        "message": f"back-off {text} restarting failed container={container.name} pod={full_name(pod)}",
    }


def full_name(pod: Object) -> str:
    """Give ``name_namespace(uid)``, as the node's messages name a pod."""
    meta = metadata(pod)
    return f"{meta['name']}_{meta.get('namespace', '')}({meta.get('uid', '')})"


def _conditions(view: PodView, containers: Sequence[ContainerState], phase: str) -> list[Object]:
    existing = {c["type"]: c for c in (view.pod.get("status") or {}).get("conditions") or ()}
    containers_ready = _containers_ready(containers, phase)
    sandbox = bool(view.address) and phase in ("Pending", "Running")
    verdicts: dict[str, dict[str, Any]] = {
        "PodReadyToStartContainers": {"status": str(sandbox)},
        "Initialized": _initialized(containers, phase),
        "Ready": containers_ready if containers_ready["status"] == "False" else _gates(view, existing),
        "ContainersReady": containers_ready,
        "PodScheduled": {"status": "True"},
    }
    conditions = [_condition(name, verdict, existing.get(name), view) for name, verdict in verdicts.items()]
    return conditions + [c for name, c in existing.items() if name not in _OWN]


def _condition(name: str, verdict: dict[str, Any], old: Object | None, view: PodView) -> Object:
    same = old is not None and old.get("status") == verdict["status"]
    since = old.get("lastTransitionTime") if same and old else None
    condition = {
        "type": name,
        "lastTransitionTime": since or timestamp(view.now),
        **verdict,
    }
    if generation := metadata(view.pod).get("generation"):
        condition["observedGeneration"] = generation
    return condition


def _initialized(containers: Sequence[ContainerState], phase: str) -> dict[str, Any]:
    if phase == "Succeeded":
        return {"status": "True", "reason": "PodCompleted"}
    if steps.initialized(containers):
        return {"status": "True"}
    names = [
        c.name
        for c in containers
        if (c.kind is Kind.INIT and not _initialized_by(c)) or (c.kind is Kind.SIDECAR and not c.started)
    ]
    message = f"containers with incomplete status: [{' '.join(names)}]"
    return {"status": "False", "reason": "ContainersNotInitialized", "message": message}


def _containers_ready(containers: Sequence[ContainerState], phase: str) -> dict[str, Any]:
    if phase in ("Succeeded", "Failed"):
        return {"status": "False", "reason": "PodCompleted" if phase == "Succeeded" else "PodFailed"}
    names = [c.name for c in containers if c.kind in (Kind.SIDECAR, Kind.MAIN) and not c.ready]
    if not names:
        return {"status": "True"}
    message = f"containers with unready status: [{' '.join(names)}]"
    return {"status": "False", "reason": "ContainersNotReady", "message": message}


def _gates(view: PodView, existing: dict[str, Object]) -> dict[str, Any]:
    told = []
    for gate in view.pod["spec"].get("readinessGates") or ():
        name = gate["conditionType"]
        if name not in existing:
            told.append(f'corresponding condition of pod readiness gate "{name}" does not exist.')
        elif existing[name].get("status") != "True":
            status = existing[name].get("status")
            told.append(f'the status of pod readiness gate "{name}" is not "True", but {status}')
    if told:
        return {"status": "False", "reason": "ReadinessGatesNotReady", "message": ", ".join(told)}
    return {"status": "True"}
