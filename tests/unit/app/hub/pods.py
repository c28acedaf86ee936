"""Pods of a session, as the admission and a kubelet make them."""

from __future__ import annotations

from typing import Any

from tests.unit.admission.worlds import SETTINGS as INJECTION

from alcove.admission.sessions import wrap_containers
from alcove.kube.client import Object
from alcove.sessions.ids import SessionId, Tag, new_session_id

ID = new_session_id("dev", "01234567")
WAITS = {"initContainerStatuses": [{"name": "alcove-build", "state": {"running": {}}}]}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def image(build: int = 1, name: str = "web") -> str:
    return f"{name}:{ID}-{build}"


def session_pod(
    name: str = "web-1",
    *,
    build: int = 1,
    session: SessionId = ID,
    containers: list[Object] | None = None,
    inits: list[Object] | None = None,
    status: Object | None = None,
    **spec: Any,
) -> Object:
    """Give a pod as the webhook leaves it."""
    apps = containers or [{"name": "web", "image": image(build)}]
    wrapped, _ = wrap_containers(
        {"containers": apps, "initContainers": inits or [], **spec}, Tag(session, build), INJECTION
    )
    waiting = {"name": "alcove-build", "image": "alcove/proxy:1"}
    return {
        "metadata": {
            "name": name,
            "namespace": "dev",
            "uid": f"uid-of-{name}",
            "labels": {"alcove.dev/session": session, "alcove.dev/build": str(build), "app": "web"},
        },
        "spec": {
            "nodeName": "node-1",
            **wrapped,
            "initContainers": [waiting, *wrapped["initContainers"]],
        },
        "status": {"phase": "Pending", **(status or {})},
    }


def running(*names: str, started: str = "t1", ready: bool = True, **more: Any) -> Object:
    """Give the status of a pod whose containers run."""
    return {
        "phase": "Running",
        "podIP": "127.0.0.1",
        "initContainerStatuses": [{"name": "alcove-build", "state": {"terminated": {"exitCode": 0}}}],
        "containerStatuses": [
            {"name": name, "state": {"running": {"startedAt": started}}} for name in names or ("web",)
        ],
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        **more,
    }
