"""What every pod's worker needs of the node: its ports, its settings and its voice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from alcove.embedded.events import EventRecorder
from alcove.embedded.kubelet.checks import Checks
from alcove.embedded.kubelet.downward import PodFacts
from alcove.embedded.kubelet.hosts import Resolver
from alcove.embedded.objects import GroupResource, Object, metadata
from alcove.embedded.ports import ClusterApi, ImageStore, Launcher, PodNetwork, TokenIssuer

PODS = GroupResource("pods")

_LONGEST_QUEUE = 10_000
_EVENTS_AFTER = 0.03


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What the node is told of itself."""

    name: str
    data_directory: Path
    """Its own: what lies below ``pods`` belongs to pods and is removed with them."""
    kubernetes_version: str
    """Such as ``v1.36.0``, the version of the API that is served."""
    alcove_version: str
    image_endpoint: str = ""
    """Where images are built and read, as a URL; empty for nowhere."""
    resolver_file: Path = Path("/etc/resolv.conf")
    hosts_file: Path = Path("/etc/hosts")


class EventQueue:
    """Takes events without waiting and records them after what is urgent."""

    def __init__(self, api: ClusterApi, node_name: str, clock: Callable[[], float]) -> None:
        """Record as the node ``node_name`` and as the scheduler."""
        self._kubelet = EventRecorder(api, "kubelet", clock, host=node_name)
        self._scheduler = EventRecorder(api, "default-scheduler", clock)
        self._queue: asyncio.Queue[tuple[EventRecorder, Object, tuple[str, str, str], str]]
        self._queue = asyncio.Queue(_LONGEST_QUEUE)

    def tell(self, pod: Object, event: tuple[str, str, str], *, container: Object | None = None) -> None:
        """Record (type, reason, message) about a pod or a container of it; dropped when too many wait."""
        field_path = ""
        if container is not None:
            inits = pod["spec"].get("initContainers") or ()
            kind = "initContainers" if any(i["name"] == container["name"] for i in inits) else "containers"
            field_path = f"spec.{kind}{{{container['name']}}}"
        self._put(self._kubelet, pod, event, field_path)

    def tell_as_scheduler(self, pod: Object, event: tuple[str, str, str]) -> None:
        """Record (type, reason, message) about a pod in the scheduler's name."""
        self._put(self._scheduler, pod, event, "")

    def _put(
        self, recorder: EventRecorder, pod: Object, event: tuple[str, str, str], field_path: str
    ) -> None:
        if not self._queue.full():
            self._queue.put_nowait((recorder, pod, event, field_path))

    async def serve(self) -> None:
        """Record for ever, a moment after the first of each burst so that starting pods go first."""
        while True:
            recorder, pod, event, field_path = await self._queue.get()
            if self._queue.empty():
                await asyncio.sleep(_EVENTS_AFTER)
            about = pod if pod.get("kind") else {"apiVersion": "v1", "kind": "Pod", **pod}
            await recorder.record(about, *event, field_path=field_path)


@dataclass(frozen=True, slots=True)
class NodeContext:
    """The node, as the workers of pods see it."""

    api: ClusterApi
    launcher: Launcher
    network: PodNetwork
    images: ImageStore
    tokens: TokenIssuer
    checks: Checks
    events: EventQueue
    settings: NodeSettings
    clock: Callable[[], float]
    allocatable: Mapping[str, str]
    resolver: Resolver
    machine_hosts: str

    def directory_of(self, pod: Object) -> Path:
        """Give where the pod's files lie."""
        return self.settings.data_directory / "pods" / str(metadata(pod).get("uid", ""))

    def facts_of(self, pod: Object, address: str) -> PodFacts:
        """Give the pod with what it may learn of its place."""
        return PodFacts(pod, self.settings.name, self.network.node_address, address, self.allocatable)


def log_path(directory: Path, container: str, run: int) -> Path:
    """Give the log file of one run (counted from 0) of a container of the pod at ``directory``."""
    return directory / "logs" / container / f"{run}.log"
