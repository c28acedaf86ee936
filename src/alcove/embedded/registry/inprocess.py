"""The API as the cluster's own parts use it: the same rules, without HTTP and without authorization."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from alcove.embedded import faults
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, Object, ObjectKey, ResourceType, StoredObject, WatchEvent
from alcove.embedded.ports import Catalog, DeleteOptions, Registry, UserInfo, WriteOptions
from alcove.embedded.registry.patches import MERGE_PATCH
from alcove.embedded.storage import ObjectStore


class StoreReader:
    """Implements ``ports.ClusterReader``."""

    def __init__(self, store: ObjectStore) -> None:
        """Read from ``store``."""
        self._store = store

    def get(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        """Give the object, None when there is none."""
        stored = self._store.get(ObjectKey(resource, namespace, name))
        return None if stored is None else stored.object

    def list(self, resource: GroupResource, namespace: str | None = None) -> Sequence[Object]:
        """Give a resource's objects by namespace and name; of all namespaces when it is None."""
        return [stored.object for stored in self._store.list(resource, namespace)]


class InProcessApi(StoreReader):
    """Implements ``ports.ClusterApi`` for one component of the cluster."""

    def __init__(self, store: ObjectStore, catalog: Catalog, registry: Registry, *, component: str) -> None:
        """Act as ``component``, such as ``kube-controller-manager``: as a user and as a field manager."""
        super().__init__(store)
        self._catalog = catalog
        self._registry = registry
        user = UserInfo(f"system:{component}", ("system:masters", "system:authenticated"))
        self._options = WriteOptions(user, field_manager=component, field_validation="Ignore")

    async def watch(self, *resources: GroupResource) -> AsyncIterator[WatchEvent]:
        """Yield ADDED for everything there is, one SYNCED, then each change, never losing one.

        A reader who falls behind the store's history gets the differences instead of each step.
        """
        subscription = self._store.subscribe(*resources)
        known = {stored.key: stored for resource in resources for stored in self._store.list(resource)}
        for stored in list(known.values()):
            yield WatchEvent("ADDED", stored.key.resource, stored.object)
        yield WatchEvent("SYNCED", resources[0], {})
        while True:
            try:
                events = [(event.type, event.current) for event in subscription.read()]
            except ApiError:
                subscription = self._store.subscribe(*resources)
                present = [stored for resource in resources for stored in self._store.list(resource)]
                events = list(_differences(known, present))
            for kind, stored in events:
                if kind == "DELETED":
                    known.pop(stored.key, None)
                else:
                    known[stored.key] = stored
                yield WatchEvent(kind, stored.key.resource, stored.object)
            if not events:
                await subscription.wait()

    async def create(self, resource: GroupResource, item: Object) -> Object:
        """Create the object in its ``metadata.namespace``; give it as stored."""
        resource_type = self._type(resource)
        namespace = (item.get("metadata") or {}).get("namespace", "") if resource_type.namespaced else ""
        return (await self._registry.create(resource_type, namespace, item, self._options)).object

    async def update(self, resource: GroupResource, item: Object, *, subresource: str = "") -> Object:
        """Replace it; 409 when ``metadata.resourceVersion`` is set and no longer current.

        ``subresource`` may be ``binding``; then ``item`` is the Binding, named like its pod.
        """
        resource_type = self._type(resource)
        inner = item.get("metadata") or {}
        namespace, name = inner.get("namespace", ""), inner.get("name", "")
        if subresource == "binding":
            await self._registry.create(
                resource_type, namespace, item, self._options, name=name, subresource=subresource
            )
            return self.get(resource, namespace, name) or {}
        present = self.get(resource, namespace, name)
        if present is not None and not inner.get("resourceVersion"):
            item = {**item, "metadata": {**inner, "resourceVersion": present["metadata"]["resourceVersion"]}}
        written = await self._registry.update(
            resource_type, namespace, name, item, self._options, subresource=subresource
        )
        return written.object

    async def patch(
        self,
        resource: GroupResource,
        namespace: str,
        name: str,
        merge: Object,
        *,
        subresource: str = "",
    ) -> Object:
        """Apply a JSON merge patch; retried inside on concurrent writes."""
        written = await self._registry.patch(
            self._type(resource),
            namespace,
            name,
            MERGE_PATCH,
            msgspec.json.encode(merge),
            self._options,
            subresource=subresource,
        )
        return written.object

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
        """Delete it; 404 when it is gone, 409 when ``uid`` is another's."""
        delete = DeleteOptions(grace_seconds=grace_seconds, propagation=propagation, uid=uid)
        await self._registry.delete(self._type(resource), namespace, name, delete, self._options)

    def _type(self, resource: GroupResource) -> ResourceType:
        found = self._catalog.preferred(resource)
        if found is None:
            raise faults.not_found(resource, "")
        return found


def _differences(
    known: dict[ObjectKey, StoredObject], present: Sequence[StoredObject]
) -> list[tuple[str, StoredObject]]:
    """Give what leads from the known objects to the present ones."""
    left = dict(known)
    changes: list[tuple[str, StoredObject]] = []
    for stored in present:
        before = left.pop(stored.key, None)
        if before is None:
            changes.append(("ADDED", stored))
        elif before.revision != stored.revision:
            changes.append(("MODIFIED", stored))
    return [*(("DELETED", stored) for stored in left.values()), *changes]
