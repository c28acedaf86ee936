"""The verbs of the API, each put together from the room's parts."""

from __future__ import annotations

import calendar
import time
import uuid
from collections.abc import AsyncIterator, Callable

from alcove.embedded import faults
from alcove.embedded.objects import GroupResource, Object, ResourceType
from alcove.embedded.patching import limits
from alcove.embedded.ports import (
    Admission,
    Catalog,
    DeleteOptions,
    ListOptions,
    ListResult,
    RawEvent,
    WatchOptions,
    WriteOptions,
    WriteResult,
)
from alcove.embedded.registry import (
    definitions,
    deletion,
    lists,
    metadata,
    subresources,
    versions,
    watches,
)
from alcove.embedded.registry.patches import Patches
from alcove.embedded.registry.removals import Removals
from alcove.embedded.registry.writes import Intent, WritePath
from alcove.embedded.storage import ObjectStore

EVENT_SECONDS = 3600.0
_EVENTS = (GroupResource("events"), GroupResource("events.events.k8s.io"))
_NEEDS_REVISION = frozenset(
    (
        "leases.coordination.k8s.io",
        "customresourcedefinitions.apiextensions.k8s.io",
        "poddisruptionbudgets.policy",
        "runtimeclasses.node.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    )
)


class ObjectRegistry:
    """Implements ``ports.Registry``."""

    def __init__(
        self,
        store: ObjectStore,
        catalog: Catalog,
        admission: Admission,
        types: definitions.CustomTypes,
        *,
        clock: Callable[[], float] = time.time,
        new_uid: Callable[[], str] = lambda: str(uuid.uuid4()),
        is_free: Callable[[int], bool] = lambda _port: True,
    ) -> None:
        """Apply the rules of the API to ``store``.

        ``types`` is told of every CRD, those already stored at once; usually it is the catalog itself.
        ``clock`` gives seconds since the epoch. ``is_free`` tells whether a node port can be had.
        """
        self._store = store
        self._writes = WritePath(
            store, catalog, admission, types, clock=clock, new_uid=new_uid, is_free=is_free
        )
        self._patches = Patches(self._writes, catalog)
        self._removals = Removals(self._writes, catalog)

    def get(self, resource_type: ResourceType, namespace: str, name: str, *, subresource: str = "") -> Object:
        """Give the object, or its ``scale``.

        Raises:
            ApiError: 404 when it, or the subresource, does not exist.
        """
        subresources.require_subresource(resource_type, subresource)
        stored = versions.view(
            resource_type, self._writes.require(versions.key_of(resource_type, namespace, name))
        )
        if subresource == "scale":
            return subresources.scale_of(resource_type, stored.object)
        return stored.object

    def list(self, resource_type: ResourceType, namespace: str | None, options: ListOptions) -> ListResult:
        """Give one page, all of one revision."""
        return lists.list_page(self._store, resource_type, namespace, options)

    def watch(
        self, resource_type: ResourceType, namespace: str | None, options: WatchOptions
    ) -> AsyncIterator[RawEvent]:
        """Yield events from ``resource_version`` on; what is wrong with the options is raised at once."""
        return watches.open_watch(self._store, resource_type, namespace, options)

    async def create(
        self,
        resource_type: ResourceType,
        namespace: str,
        item: Object,
        options: WriteOptions,
        *,
        name: str = "",
        subresource: str = "",
    ) -> WriteResult:
        """Create it (``generateName`` honoured); with ``name`` and ``subresource``, ``pods/binding``."""
        intent = Intent(resource_type, namespace, name, options, subresource)
        with _bounded():
            if not subresource:
                return await self._writes.create(intent, item)
            if (resource_type.resource, subresource) != (deletion.PODS, "binding"):
                raise subresources.no_subresource(resource_type, subresource)
            await self._writes.change(
                intent, lambda pod: subresources.with_binding(pod, item, self._writes.now())
            )
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        return WriteResult(status, created=True)

    async def update(
        self,
        resource_type: ResourceType,
        namespace: str,
        name: str,
        item: Object,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> WriteResult:
        """Replace it; ``subresource`` is ``status``, ``scale``, ``approval`` or ``finalize``."""
        subresources.require_subresource(resource_type, subresource)
        intent = Intent(resource_type, namespace, name, options, subresource)
        with _bounded():
            if subresource == "scale":
                return await self._patches.rescale(intent, lambda _: item)
            _require_name(name, item)
            _require_revision(resource_type, name, item)
            return await self._writes.change(intent, lambda _: item)

    async def patch(
        self,
        resource_type: ResourceType,
        namespace: str,
        name: str,
        content_type: str,
        body: bytes,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> WriteResult:
        """Apply one of the four kinds of patch, all of them JSON; apply creates what is not there."""
        subresources.require_subresource(resource_type, subresource)
        intent = Intent(resource_type, namespace, name, options, subresource)
        with _bounded():
            return await self._patches.patch(intent, content_type, body)

    async def delete(
        self,
        resource_type: ResourceType,
        namespace: str,
        name: str,
        delete: DeleteOptions,
        options: WriteOptions,
    ) -> WriteResult:
        """Delete it, or begin to; the result's object is its last, or its present, state."""
        return await self._removals.delete(Intent(resource_type, namespace, name, options), delete)

    async def delete_collection(
        self,
        resource_type: ResourceType,
        namespace: str,
        selection: ListOptions,
        delete: DeleteOptions,
        options: WriteOptions,
    ) -> ListResult:
        """Delete each object of the selection; give what was selected."""
        scope = namespace if resource_type.namespaced else None
        page = self.list(resource_type, scope, selection)
        for stored in page.items:
            intent = Intent(resource_type, stored.key.namespace, stored.key.name, options)
            await self._removals.delete_quietly(intent, delete)
        return page

    def expire_events(self) -> None:
        """Drop Events older than an hour and whatever else only time ends; to be called once a minute."""
        oldest = self._writes.clock() - EVENT_SECONDS
        for resource in _EVENTS:
            for stored in self._store.list(resource):
                if _last_seen(stored.object) < oldest:
                    self._writes.remove(stored.key)
        self._writes.addresses.forget_releases()
        self._store.prune_history()


class _bounded:  # noqa: N801  # reads as the function it stands for
    """Turns the stack's end, which an object nested too deeply reaches, into ApiError 400."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RecursionError):
            raise limits.too_deep() from error


def _require_name(name: str, item: Object) -> None:
    if not metadata.mapping(item.get("metadata")).get("name"):
        raise faults.bad_request(
            f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )


def _require_revision(resource_type: ResourceType, name: str, item: Object) -> None:
    if not resource_type.custom and resource_type.resource not in _NEEDS_REVISION:
        return
    inner = item.get("metadata")
    if isinstance(inner, dict) and inner.get("resourceVersion"):
        return
    message = "Invalid value: 0: must be specified for an update"
    cause = faults.Cause("FieldValueInvalid", message, "metadata.resourceVersion")
    raise faults.invalid(resource_type.plural, resource_type.group, name, [cause])


def _last_seen(event: Object) -> float:
    """Give the time, in seconds since the epoch, at which an Event was last written."""
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event["metadata"].get("creationTimestamp"),
    )
    latest = max((str(each)[:19] for each in times if each), default="")
    try:
        return calendar.timegm(time.strptime(latest, "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return 0.0
