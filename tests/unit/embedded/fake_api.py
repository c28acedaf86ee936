"""A ClusterApi in memory with the rules of writing that its clients rely on, and no schema.

Status is a subresource, specs count generations, finalizers and pods' grace periods keep deleted objects,
``resourceVersion`` and ``uid`` guard writes, names are generated, events come in the order of the writes.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from alcove.embedded import faults
from alcove.embedded.events import timestamp
from alcove.embedded.objects import GroupResource, Object, ObjectKey, WatchEvent

CLUSTER_SCOPED = frozenset(
    {
        "namespaces",
        "nodes",
        "persistentvolumes",
        "storageclasses.storage.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io",
        "customresourcedefinitions.apiextensions.k8s.io",
    }
)
WITHOUT_STATUS = frozenset({"events", "configmaps", "secrets", "serviceaccounts", "endpoints"})

Refusal = Callable[[str, GroupResource, Object], None]


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386) without changing ``target``."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


class FakeCluster:
    """Implements ``ports.ClusterApi``; ``writes`` lists what was done as (verb, resource, name)."""

    def __init__(self, clock: Callable[[], float] = lambda: 1_700_000_000.0) -> None:
        self.clock = clock
        self.writes: list[tuple[str, str, str]] = []
        self.refuse: Refusal = lambda verb, resource, item: None
        """Called before each write; raises the ApiError that an admission plugin would."""
        self._objects: dict[ObjectKey, Object] = {}
        self._as_written: dict[ObjectKey, str] = {}
        self._serial = itertools.count(1)
        self._revision = 0
        self._watchers: dict[asyncio.Queue[WatchEvent], frozenset[GroupResource]] = {}

    # ------------------------------------------------------------------------------------------- reads

    def get(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        return self._objects.get(ObjectKey(resource, namespace, name))

    def list(self, resource: GroupResource, namespace: str | None = None) -> list[Object]:
        found = [
            (key, item)
            for key, item in self._objects.items()
            if key.resource == resource and namespace in (None, key.namespace)
        ]
        return [item for _, item in sorted(found, key=lambda pair: pair[0])]

    async def watch(self, *resources: GroupResource) -> AsyncIterator[WatchEvent]:
        # Unbounded: a test's events are few, and the contract is that none is lost.
        queue: asyncio.Queue[WatchEvent] = asyncio.Queue()
        for resource in resources:
            for item in self.list(resource):
                queue.put_nowait(WatchEvent("ADDED", resource, item))
        queue.put_nowait(WatchEvent("SYNCED", resources[0], {}))
        self._watchers[queue] = frozenset(resources)
        try:
            while True:
                yield await queue.get()
        finally:
            del self._watchers[queue]

    # ------------------------------------------------------------------------------------------ writes

    def put(self, resource: str, item: Object) -> Object:
        """Place an object of any shape, status included, as if it had always been there."""
        item = copy.deepcopy(item)
        meta = item.setdefault("metadata", {})
        meta.setdefault("uid", f"uid-{next(self._serial)}")
        meta.setdefault("generation", 1)
        meta.setdefault("creationTimestamp", timestamp(self.clock()))
        key = ObjectKey(GroupResource(resource), meta.get("namespace", ""), meta["name"])
        return self._store(key, item)

    def assert_unspoiled(self) -> None:
        """Fail if somebody changed an object that was only given to read."""
        for key, item in self._objects.items():
            assert json.dumps(item) == self._as_written[key], f"{key} was changed in place"

    async def create(self, resource: GroupResource, item: Object) -> Object:
        await asyncio.sleep(0)
        item = copy.deepcopy(item)
        meta = item.setdefault("metadata", {})
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = f"{meta['generateName']}{next(self._serial):05d}"
        self.refuse("create", resource, item)
        key = ObjectKey(resource, self._namespace_of(resource, meta), meta["name"])
        if key in self._objects:
            raise faults.already_exists(resource, meta["name"])
        if resource not in WITHOUT_STATUS:
            item.pop("status", None)
        if resource == "namespaces":
            item.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
            item["status"] = {"phase": "Active"}
        if resource == "pods":
            item["status"] = {"phase": "Pending"}
        self.writes.append(("create", resource, meta["name"]))
        for server_set in ("uid", "generation", "creationTimestamp", "deletionTimestamp", "resourceVersion"):
            meta.pop(server_set, None)
        return self.put(resource, item)

    def _namespace_of(self, resource: GroupResource, meta: Object) -> str:
        namespace: str = meta.get("namespace", "")
        if bool(namespace) == (resource in CLUSTER_SCOPED):
            raise faults.bad_request(f"{resource}: namespace {namespace!r}")
        space = self.get(GroupResource("namespaces"), "", namespace)
        if space and space["metadata"].get("deletionTimestamp"):
            error = faults.forbidden(resource, meta["name"], f"namespace {namespace} is being terminated")
            error.details["causes"] = [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]
            raise error
        return namespace

    async def update(self, resource: GroupResource, item: Object, *, subresource: str = "") -> Object:
        await asyncio.sleep(0)
        meta = item["metadata"]
        key = ObjectKey(resource, meta.get("namespace", ""), meta["name"])
        self.refuse("update", resource, item)
        return self._replace(key, copy.deepcopy(item), subresource)

    async def patch(
        self, resource: GroupResource, namespace: str, name: str, merge: Object, *, subresource: str = ""
    ) -> Object:
        await asyncio.sleep(0)
        key = ObjectKey(resource, namespace, name)
        merged = merge_patch(self._existing(key), merge)
        merged["metadata"] = dict(merged["metadata"])
        if "resourceVersion" not in merge.get("metadata", {}):
            merged["metadata"].pop("resourceVersion", None)
        self.refuse("patch", resource, merged)
        return self._replace(key, merged, subresource)

    async def delete(
        self,
        resource: GroupResource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        grace_seconds: int | None = None,
        propagation: str = "Background",
    ) -> None:
        await asyncio.sleep(0)
        key = ObjectKey(resource, namespace, name)
        old = self._existing(key)
        meta = old["metadata"]
        if uid and meta["uid"] != uid:
            raise faults.conflict(resource, name, "the UID in the precondition does not match")
        self.refuse("delete", resource, old)
        self.writes.append(("delete", resource, name))
        grace = _grace(resource, old, grace_seconds)
        extra = {"Foreground": ["foregroundDeletion"], "Orphan": ["orphan"]}.get(propagation, [])
        finalizers = [*meta.get("finalizers", []), *extra]
        if not finalizers and not grace and not _held_namespace(resource, old):
            self._drop(key)
            return
        if meta.get("deletionTimestamp") and meta.get("deletionGracePeriodSeconds", 0) <= grace:
            return
        item = merge_patch(old, {"metadata": {"deletionTimestamp": timestamp(self.clock() + grace)}})
        item["metadata"]["deletionGracePeriodSeconds"] = grace
        if finalizers:
            item["metadata"]["finalizers"] = list(dict.fromkeys(finalizers))
        if resource == "namespaces":
            item["status"] = {**item.get("status", {}), "phase": "Terminating"}
        self._store(key, item)

    # ----------------------------------------------------------------------------------------- storage

    def _existing(self, key: ObjectKey) -> Object:
        if (item := self._objects.get(key)) is None:
            raise faults.not_found(key.resource, key.name)
        return item

    def _replace(self, key: ObjectKey, item: Object, subresource: str) -> Object:
        old = self._existing(key)
        meta, old_meta = item["metadata"], old["metadata"]
        for guard in ("resourceVersion", "uid"):
            if meta.get(guard) not in (None, old_meta[guard]):
                raise faults.conflict(key.resource, key.name, f"{guard} does not match")
        if subresource == "status":
            item = {**old, "status": item.get("status", {})}
        elif key.resource not in WITHOUT_STATUS and "status" in old:
            item["status"] = old["status"]
        item["metadata"] = {**item["metadata"], "uid": old_meta["uid"]}
        item["metadata"]["resourceVersion"] = old_meta["resourceVersion"]
        if item == old:
            return old
        self.writes.append((f"update {subresource}".strip(), key.resource, key.name))
        if item.get("spec") != old.get("spec"):
            item["metadata"]["generation"] = old_meta.get("generation", 1) + 1
        deleting = old_meta.get("deletionTimestamp") and not old_meta.get("deletionGracePeriodSeconds")
        if deleting and not item["metadata"].get("finalizers") and not _held_namespace(key.resource, item):
            self._store(key, item)
            self._drop(key)
            return item
        return self._store(key, item)

    def _store(self, key: ObjectKey, item: Object) -> Object:
        kind = "MODIFIED" if key in self._objects else "ADDED"
        self._revision += 1
        item["metadata"]["resourceVersion"] = str(self._revision)
        self._objects[key] = item
        self._as_written[key] = json.dumps(item)
        self._tell(WatchEvent(kind, key.resource, item))
        return item

    def _drop(self, key: ObjectKey) -> None:
        self._revision += 1
        item = merge_patch(self._objects.pop(key), {"metadata": {"resourceVersion": str(self._revision)}})
        self._tell(WatchEvent("DELETED", key.resource, item))

    def _tell(self, event: WatchEvent) -> None:
        for queue, resources in self._watchers.items():
            if event.resource in resources:
                queue.put_nowait(event)


def _grace(resource: GroupResource, item: Object, asked: int | None) -> int:
    if resource != "pods" or not item.get("spec", {}).get("nodeName"):
        return 0
    if item.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    default: int = item["spec"].get("terminationGracePeriodSeconds", 30)
    return default if asked is None else asked


def _held_namespace(resource: GroupResource, item: Object) -> bool:
    return resource == "namespaces" and bool(item.get("spec", {}).get("finalizers"))
