"""A cluster for scenarios: the fake API, the controllers under test, a kubelet that needs no machine, and a
clock that jumps to the next deadline when there is nothing left to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from tests.unit.embedded.fake_api import CLUSTER_SCOPED, FakeCluster

from alcove.aio import Background, open_background
from alcove.embedded.controllers.running import ControllerSettings, run_controllers
from alcove.embedded.events import timestamp
from alcove.embedded.objects import GroupResource, Object, ResourceType, metadata

EPOCH = 1_700_000_000.0
PODS = GroupResource("pods")
DEPLOYMENTS = GroupResource("deployments.apps")
REPLICA_SETS = GroupResource("replicasets.apps")
NAMESPACES = GroupResource("namespaces")
CRDS = GroupResource("customresourcedefinitions.apiextensions.k8s.io")

KINDS = {
    "pods": "Pod",
    "services": "Service",
    "endpoints": "Endpoints",
    "namespaces": "Namespace",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "serviceaccounts": "ServiceAccount",
    "persistentvolumes": "PersistentVolume",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "replicationcontrollers": "ReplicationController",
    "deployments.apps": "Deployment",
    "replicasets.apps": "ReplicaSet",
    "statefulsets.apps": "StatefulSet",
    "controllerrevisions.apps": "ControllerRevision",
    "jobs.batch": "Job",
    "endpointslices.discovery.k8s.io": "EndpointSlice",
    "storageclasses.storage.k8s.io": "StorageClass",
    "clusterroles.rbac.authorization.k8s.io": "ClusterRole",
    "customresourcedefinitions.apiextensions.k8s.io": "CustomResourceDefinition",
    "events": "Event",
}


def resource_type(resource: str, kind: str, *, namespaced: bool, custom: bool = False) -> ResourceType:
    plural, _, group = resource.partition(".")
    verbs = ("create", "delete", "get", "list", "patch", "update", "watch")
    return ResourceType(
        group, "v1", kind, plural, kind.lower(), namespaced=namespaced, verbs=verbs, custom=custom
    )


class FakeCatalog:
    """The part of ``ports.Catalog`` that controllers ask; ``defined`` holds types that came later."""

    def __init__(self) -> None:
        self.defined: list[ResourceType] = []

    def types(self) -> Sequence[ResourceType]:
        known = [
            resource_type(one, kind, namespaced=one not in CLUSTER_SCOPED) for one, kind in KINDS.items()
        ]
        return [*known, *self.defined]

    def for_kind(self, group: str, version: str, kind: str) -> ResourceType | None:
        for one in self.types():
            if (one.group, one.version, one.kind) == (group, version, kind):
                return one
        return None

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"controllers do not use Catalog.{name}")


class _Jumping(selectors.DefaultSelector):
    """Waits by moving the loop's clock instead."""

    loop: JumpingLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            return super().select(None)
        if not ready and timeout:
            self.loop.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while everybody waits, and then at once."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def wall_clock() -> float:
    """Give the world's time, in seconds since the epoch."""
    return EPOCH + asyncio.get_running_loop().time()


def play(scenario: Callable[[World], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Run a scenario in a fresh world with fake time."""

    async def main() -> None:
        async with open_world(**options) as world:
            await scenario(world)
            world.api.assert_unspoiled()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(main())


@contextlib.asynccontextmanager
async def open_world(
    *, settings: ControllerSettings | None = None, kubelet: bool = True
) -> AsyncIterator[World]:
    api = FakeCluster(wall_clock)
    catalog = FakeCatalog()
    for name in ("default", "other"):
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        api.put(
            "namespaces", {**space, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        )
    async with open_background(name="world") as background:
        world = World(api, catalog, background)
        if kubelet:
            background.start(world.kubelet.run(), name="kubelet")
        controllers = run_controllers(
            api, catalog=catalog, settings=settings or ControllerSettings(), clock=wall_clock
        )
        background.start(controllers, name="controllers")
        yield world


class World:
    """What a scenario acts on and looks at."""

    def __init__(self, api: FakeCluster, catalog: FakeCatalog, background: Background) -> None:
        self.api = api
        self.catalog = catalog
        self.background = background
        self.kubelet = FakeKubelet(api, background)

    async def create(self, resource: str, item: Object) -> Object:
        item = {"apiVersion": "v1", "kind": KINDS.get(resource, "Custom"), **item}
        group = resource.partition(".")[2]
        if group:
            item["apiVersion"] = f"{group}/v1"
        if resource not in CLUSTER_SCOPED:
            item["metadata"] = {"namespace": "default", **item["metadata"]}
        return await self.api.create(GroupResource(resource), item)

    async def settle(self, seconds: float = 5.0) -> None:
        """Let that much time pass; whatever can be done meanwhile is done."""
        await asyncio.sleep(seconds)

    async def settle_outside(self) -> None:
        """Let time pass and threads finish, which fake time does not wait for."""
        await self.settle()
        await asyncio.get_running_loop().shutdown_default_executor()
        await self.settle()

    async def patch(self, resource: str, name: str, merge: Object) -> Object:
        namespace = "" if resource in CLUSTER_SCOPED else "default"
        return await self.api.patch(GroupResource(resource), namespace, name, merge)

    async def delete(self, resource: str, name: str, propagation: str = "Background") -> None:
        namespace = "" if resource in CLUSTER_SCOPED else "default"
        await self.api.delete(GroupResource(resource), namespace, name, propagation=propagation)

    def get(self, resource: str, name: str) -> Object:
        namespace = "" if resource in CLUSTER_SCOPED else "default"
        found = self.api.get(GroupResource(resource), namespace, name)
        assert found is not None, f"no {resource} {name}"
        return found

    def names(self, resource: str, namespace: str | None = "default") -> list[str]:
        return [metadata(one)["name"] for one in self.api.list(GroupResource(resource), namespace)]

    def pods(self) -> list[Object]:
        return self.api.list(PODS, "default")

    def events(self, reason: str) -> list[str]:
        return [one["message"] for one in self.api.list(GroupResource("events")) if one["reason"] == reason]

    def condition(self, resource: str, name: str, kind: str) -> tuple[str, str, str]:
        for one in self.get(resource, name).get("status", {}).get("conditions", []):
            if one["type"] == kind:
                return one["status"], one["reason"], one["message"]
        return ("", "", "")


class FakeKubelet:
    """Makes pods ready after ``start_seconds``, unless ``behave`` says otherwise, and ends deleted ones."""

    def __init__(self, api: FakeCluster, background: Background) -> None:
        self.api = api
        self.background = background
        self.start_seconds = 0.1
        self.behave: Callable[[Object], str] = lambda pod: "Ready"
        """Gives ``Ready``, ``Running`` (never ready), ``Pending``, ``Succeeded`` or ``Failed``."""
        self._started: set[str] = set()

    async def run(self) -> None:
        async for event in self.api.watch(PODS):
            if event.type in ("SYNCED", "DELETED"):
                continue
            uid = metadata(event.object)["uid"]
            if "deletionTimestamp" in metadata(event.object):
                self.background.start(self._end(event.object), name=f"end {uid}")
            elif uid not in self._started:
                self._started.add(uid)
                self.background.start(self._start(event.object), name=f"start {uid}")

    async def _end(self, pod: Object) -> None:
        await asyncio.sleep(0.05)
        meta = metadata(pod)
        if self.api.get(PODS, meta["namespace"], meta["name"]) is not None:
            with contextlib.suppress(Exception):
                await self.api.delete(PODS, meta["namespace"], meta["name"], uid=meta["uid"], grace_seconds=0)

    async def _start(self, pod: Object) -> None:
        meta = metadata(pod)
        if not pod["spec"].get("nodeName"):
            await self.api.patch(PODS, meta["namespace"], meta["name"], {"spec": {"nodeName": "node"}})
        await asyncio.sleep(self.start_seconds)
        with contextlib.suppress(Exception):
            await self.mark(pod, self.behave(pod))

    async def mark(self, pod: Object, outcome: str) -> None:
        """Give the pod the status of ``outcome``."""
        meta = metadata(pod)
        now = timestamp(wall_clock())
        address = f"10.0.0.{int(meta['uid'].removeprefix('uid-')) % 250 + 1}"
        status: Object = {
            "phase": "Running" if outcome == "Ready" else outcome,
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True" if outcome == "Ready" else "False",
                    "lastTransitionTime": now,
                }
            ],
        }
        if outcome in ("Succeeded", "Failed"):
            status["containerStatuses"] = [{"name": "main", "state": {"terminated": {"finishedAt": now}}}]
        await self.api.patch(PODS, meta["namespace"], meta["name"], {"status": status}, subresource="status")
