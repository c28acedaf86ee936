"""What users reach of running pods: logs, commands, ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from alcove.embedded import faults
from alcove.embedded.faults import ApiError
from alcove.embedded.kubelet.attendant import Attendant
from alcove.embedded.kubelet.context import PODS, NodeContext, log_path
from alcove.embedded.kubelet.logfiles import read_files
from alcove.embedded.kubelet.loglines import Selection
from alcove.embedded.kubelet.sessions import open_session
from alcove.embedded.kubelet.worker import PodWorker
from alcove.embedded.objects import Object, metadata
from alcove.embedded.ports import ExecRequest, ExecSession, LogQuery

_CONNECT_SECONDS = 10.0
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
_PULLING = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}

FindWorker = Callable[[str], PodWorker | None]
"""Gives the worker of a pod's uid."""


def container_names(pod: Object) -> dict[str, list[str]]:
    """Give the names of a pod's containers by the field of its spec."""
    fields = ("containers", "initContainers", "ephemeralContainers")
    return {field: [item["name"] for item in pod["spec"].get(field) or ()] for field in fields}


def choose_container(pod: Object, wanted: str) -> str:
    """Give the container that a request is about.

    Raises:
        ApiError: 400 when it has to say which, or names one that is not there.
    """
    names, pod_name = container_names(pod), metadata(pod)["name"]
    if not wanted:
        if len(names["containers"]) == 1:
            return names["containers"][0]
        choices = _list(names["containers"])
        told = f"a container name must be specified for pod {pod_name}, choose one of: {choices}"
        if names["initContainers"]:
            told += f" or one of the init containers: {_list(names['initContainers'])}"
        raise faults.bad_request(told)
    if not any(wanted in group for group in names.values()):
        raise faults.bad_request(f"container {wanted} is not valid for pod {pod_name}")
    return wanted


def _list(names: list[str]) -> str:
    return f"[{' '.join(names)}]"


def choose_run(pod: Object, container: str, *, previous: bool) -> int:
    """Give the run (counted from 0) of a container whose log is asked for.

    Raises:
        ApiError: 400 when there is none.
    """
    where = f'container "{container}" in pod "{metadata(pod)["name"]}"'
    shown = (item for name in _STATUSES for item in (pod.get("status") or {}).get(name) or ())
    status = next((item for item in shown if item["name"] == container), None)
    if status is None:
        raise faults.bad_request(f"{where} is waiting to start: ContainerCreating")
    state, restarts = status.get("state") or {}, int(status.get("restartCount") or 0)
    last = (status.get("lastState") or {}).get("terminated")
    if previous:
        if not last:
            raise faults.bad_request(f"previous terminated {where} not found")
        # While it waits for its next start, the count is still that of the run that ended last.
        return restarts if "waiting" in state else max(0, restarts - 1)
    if "waiting" in state and not last:
        reason = state["waiting"].get("reason", "")
        raise faults.bad_request(f"{where} is waiting to start: {_PULLING.get(reason, reason)}")
    return restarts


class NodeAccess:
    """Implements ``ports.PodAccess`` over the workers of the node's pods."""

    def __init__(self, node: NodeContext, find: FindWorker) -> None:
        """Find workers with ``find``."""
        self._node = node
        self._find = find

    def _pod(self, namespace: str, name: str) -> Object:
        pod = self._node.api.get(PODS, namespace, name)
        if pod is None:
            raise faults.not_found(PODS, name)
        return pod

    def _attendant(self, pod: Object, container: str) -> Attendant | None:
        worker = self._find(metadata(pod)["uid"])
        return worker.attendants.get(container) if worker else None

    def read_log(self, namespace: str, pod: str, query: LogQuery) -> AsyncIterator[bytes]:
        """Yield the log; ApiError (at once) 400 without such a container or run, 404 without pod."""
        found = self._pod(namespace, pod)
        container = choose_container(found, query.container)
        selection = Selection(query, self._node.clock())
        if not found["spec"].get("nodeName"):
            # As in Kubernetes, a pod without a place has said nothing yet.
            nowhere = log_path(self._node.directory_of(found), container, 0)
            return read_files(nowhere, selection, tail=None, following=None)
        run = choose_run(found, container, previous=query.previous)
        path = log_path(self._node.directory_of(found), container, run)
        attendant = self._attendant(found, container)
        current = attendant.run if attendant else None
        following = current.log if query.follow and current and current.log.path == path else None
        return read_files(path, selection, tail=query.tail_lines, following=following)

    def open_exec(self, request: ExecRequest) -> AbstractAsyncContextManager[ExecSession]:
        """Start a command in a container and end it with the block; ApiError when none of that name runs."""
        return self._open_exec(request)

    @asynccontextmanager
    async def _open_exec(self, request: ExecRequest) -> AsyncIterator[ExecSession]:
        pod = self._pod(request.namespace, request.pod)
        container = choose_container(pod, request.container)
        attendant = self._attendant(pod, container)
        if attendant is None or attendant.run is None:
            raise ApiError(404, "NotFound", f'container not found ("{container}")')
        async with open_session(self._node.launcher, attendant.run, request) as session:
            yield session

    def open_port(self, namespace: str, pod: str, port: int) -> AbstractAsyncContextManager[tuple[Any, Any]]:
        """Connect to a port on the pod's own loopback; yields (StreamReader, StreamWriter)."""
        found = self._pod(namespace, pod)
        worker = self._find(metadata(found)["uid"])
        if worker is None or worker.sandbox.attachment is None:
            phase = (found.get("status") or {}).get("phase", "Pending")
            raise faults.bad_request(
                f"unable to forward port because pod is not running. Current status={phase}"
            )
        netns = worker.sandbox.attachment.netns
        return self._node.network.open_connection(netns, "127.0.0.1", port, seconds=_CONNECT_SECONDS)
