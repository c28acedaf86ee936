"""The node agent: watches the API, gives each pod of the node a worker, and keeps the Node alive."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from alcove import aio
from alcove.embedded.kubelet import hosts, placement
from alcove.embedded.kubelet.access import NodeAccess
from alcove.embedded.kubelet.checks import Checks
from alcove.embedded.kubelet.context import PODS, EventQueue, NodeContext, NodeSettings
from alcove.embedded.kubelet.node import NODES, NodeRegistration, machine_capacity, node_status
from alcove.embedded.kubelet.sandbox import remove_files
from alcove.embedded.kubelet.worker import PodWorker
from alcove.embedded.objects import GroupResource, Object, WatchEvent, metadata
from alcove.embedded.ports import (
    ClusterApi,
    ExecRequest,
    ExecSession,
    ImageStore,
    Launcher,
    LogQuery,
    PodNetwork,
    TokenIssuer,
)

_CLAIMS = GroupResource("persistentvolumeclaims")
_REFERRED = (GroupResource("configmaps"), GroupResource("secrets"), _CLAIMS)


class Kubelet:
    """Runs the pods of the API on this machine; implements ``ports.PodAccess``."""

    def __init__(
        self,
        api: ClusterApi,
        launcher: Launcher,
        network: PodNetwork,
        images: ImageStore,
        tokens: TokenIssuer,
        *,
        settings: NodeSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing happens before ``run``; ``clock`` gives seconds since the epoch."""
        (settings.data_directory / "pods").mkdir(parents=True, exist_ok=True)
        self._capacity = machine_capacity(settings.data_directory)
        self._events = EventQueue(api, settings.name, clock)
        self._node = NodeContext(
            api=api,
            launcher=launcher,
            network=network,
            images=images,
            tokens=tokens,
            checks=Checks(launcher, network),
            events=self._events,
            settings=settings,
            clock=clock,
            allocatable=self._capacity,
            resolver=hosts.parse_resolver(_read(settings.resolver_file)),
            machine_hosts=_read(settings.hosts_file),
        )
        self._began = clock()
        self._workers: dict[str, PodWorker] = {}
        self._access = NodeAccess(self._node, self._workers.get)
        self._background: aio.Background

    async def run(self) -> None:
        """Register the node and serve it until cancelled."""
        settings = self._node.settings
        registration = NodeRegistration(self._node.api, settings, self._node.clock)
        await registration.register(self._status())
        async with aio.open_background(name="kubelet") as self._background:
            self._background.start(registration.serve(self._status), name="lease")
            self._background.start(self._events.serve(), name="events")
            async for event in self._node.api.watch(PODS, *_REFERRED, NODES):
                self._observe(event)

    def _status(self) -> Object:
        node = self._node
        images = node.images.images()
        return node_status(
            node.settings, node.network.node_address, self._capacity, images, (self._began, node.clock())
        )

    def look_for_images(self) -> None:
        """Have containers whose image was not there look again: one has come."""
        for worker in self._workers.values():
            worker.look_for_images()

    def images_in_use(self) -> tuple[set[str], set[Path]]:
        """Give the images that containers of the node's pods name, and the layers of those that run."""
        names, layers = set[str](), set[Path]()
        for worker in self._workers.values():
            for attendant in worker.attendants.values():
                names.add(attendant.state.spec["image"])
                if attendant.run is not None:
                    layers.update(attendant.run.image.layers)
        return names, layers

    # ---------------------------------------------------------------------------------------- events

    def _observe(self, event: WatchEvent) -> None:
        if event.type == "SYNCED":
            self._background.start(self._remove_leftovers(), name="remove leftovers")
        elif event.resource == PODS:
            self._observe_pod(event)
        elif event.resource == NODES:
            self._reconsider()
        else:
            meta = metadata(event.object)
            changed = (str(event.resource), meta["name"])
            for worker in self._workers.values():
                same = metadata(worker.pod).get("namespace") == meta.get("namespace")
                if same and changed in worker.references:
                    worker.refresh()

    def _observe_pod(self, event: WatchEvent) -> None:
        pod = event.object
        uid = metadata(pod)["uid"]
        worker = self._workers.get(uid)
        if worker is not None:
            worker.kick()
        elif event.type != "DELETED" and pod["spec"].get("nodeName") in (None, "", self._node.settings.name):
            worker = PodWorker(pod, self._node, self._place)
            self._workers[uid] = worker
            self._background.start(self._see_through(uid, worker), name=f"pod {metadata(pod)['name']}")

    async def _see_through(self, uid: str, worker: PodWorker) -> None:
        await worker.run()
        # A finalizer may keep the object for longer than there is anything to do for it.
        while self._exists(worker):
            await worker.until_kicked()
        del self._workers[uid]
        self._reconsider()

    def _exists(self, worker: PodWorker) -> bool:
        meta = metadata(worker.pod)
        current = self._node.api.get(PODS, meta["namespace"], meta["name"])
        return current is not None and metadata(current)["uid"] == meta["uid"]

    def _reconsider(self) -> None:
        """Wake the pods that found no place: there may be one now."""
        for worker in self._workers.values():
            if not worker.pod["spec"].get("nodeName"):
                worker.kick()

    def _place(self, pod: Object) -> str | None:
        node = self._node.api.get(NODES, "", self._node.settings.name)
        if node is None:
            return "no nodes available to schedule pods"
        used = (worker.requests for worker in self._workers.values() if worker.placed)
        return placement.refusal(pod, node, used, self._node.api)

    async def _remove_leftovers(self) -> None:
        """Remove the files of pods that are no more."""
        directory = self._node.settings.data_directory / "pods"
        known = {metadata(pod)["uid"] for pod in self._node.api.list(PODS)}
        for path in await asyncio.to_thread(lambda: list(directory.iterdir())):
            if path.name not in known and path.name not in self._workers:
                await asyncio.to_thread(functools.partial(remove_files, path, keep_logs=False))

    # ---------------------------------------------------------------------------------------- access

    def read_log(self, namespace: str, pod: str, query: LogQuery) -> AsyncIterator[bytes]:
        """Yield the log; raises ApiError at once: 400 without such a container or run, 404 without pod."""
        return self._access.read_log(namespace, pod, query)

    def open_exec(self, request: ExecRequest) -> AbstractAsyncContextManager[ExecSession]:
        """Start a command in a container and end it with the block; ApiError when it does not run."""
        return self._access.open_exec(request)

    def open_port(self, namespace: str, pod: str, port: int) -> AbstractAsyncContextManager[tuple[Any, Any]]:
        """Connect to a port on the pod's own loopback; yields (StreamReader, StreamWriter)."""
        return self._access.open_port(namespace, pod, port)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
