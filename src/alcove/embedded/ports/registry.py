"""The API itself: its verbs over the wire, and as the cluster's own parts use it (room: registry)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from alcove.embedded.objects import GroupResource, Object, ResourceType, StoredObject, WatchEvent
from alcove.embedded.ports.identity import UserInfo


class ClusterReader(Protocol):
    """Reads at once from memory; what is given is shared and must not be changed (room: registry)."""

    def get(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        """Give the object, None when there is none."""

    def list(self, resource: GroupResource, namespace: str | None = None) -> Sequence[Object]:
        """Give a resource's objects, of one namespace or (None) all, ordered by namespace and name."""


class ClusterApi(ClusterReader, Protocol):
    """The API as the cluster's own components use it: no HTTP, no authorization, but all other rules.

    Every method raises ApiError as a client over HTTP would see it (room: registry).
    """

    def watch(self, *resources: GroupResource) -> AsyncIterator[WatchEvent]:
        """Yield ADDED for everything there is, one SYNCED, then each change, never losing one."""

    async def create(self, resource: GroupResource, item: Object) -> Object:
        """Create the object in its ``metadata.namespace``; give it as stored."""

    async def update(self, resource: GroupResource, item: Object, *, subresource: str = "") -> Object:
        """Replace it; 409 when ``metadata.resourceVersion`` is set and no longer current."""

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


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a list asks for, as in the query string."""

    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    resource_version_match: str = ""


@dataclass(frozen=True, slots=True)
class ListResult:
    """One page of a list."""

    items: Sequence[StoredObject]
    revision: int
    continue_token: str = ""
    remaining: int = 0


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What a watch asks for, as in the query string."""

    label_selector: str = ""
    field_selector: str = ""
    resource_version: str = ""
    allow_bookmarks: bool = False
    send_initial_events: bool = False
    resource_version_match: str = ""
    seconds: float | None = None


class RawEvent(NamedTuple):
    """One event of a watch over the wire."""

    type: str
    """``ADDED``, ``MODIFIED``, ``DELETED``, ``BOOKMARK`` or ``ERROR``."""
    stored: StoredObject | None
    """The object; None for BOOKMARK and ERROR."""
    revision: int = 0
    initial_end: bool = False
    """A BOOKMARK that ends the initial events (annotation ``k8s.io/initial-events-end``)."""
    status: Object | None = None
    """The Status of an ERROR."""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What every write carries besides the object."""

    user: UserInfo
    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = "Warn"
    """``Strict``, ``Warn`` or ``Ignore`` (unknown fields are dropped)."""
    force: bool = False
    """Apply only: take fields over from other managers."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a write left behind."""

    object: Object
    created: bool = False
    deleted: bool = True
    """Delete only: False when finalizers or a grace period keep the object for now."""
    warnings: tuple[str, ...] = ()
    """Texts for ``Warning`` response headers."""


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """The body of a delete."""

    grace_seconds: int | None = None
    propagation: str = ""
    """``Background`` (default), ``Foreground`` or ``Orphan``."""
    uid: str = ""
    resource_version: str = ""


class Registry(Protocol):
    """The verbs of the API after authentication and authorization (room: registry).

    ``namespace`` is empty for cluster-scoped types; in ``list`` and ``watch`` None means all namespaces.
    Every method raises ApiError.
    """

    def get(self, resource_type: ResourceType, namespace: str, name: str, *, subresource: str = "") -> Object:
        """Give the object, or its ``scale``."""

    def list(self, resource_type: ResourceType, namespace: str | None, options: ListOptions) -> ListResult:
        """Give one page, all of one revision."""

    def watch(
        self,
        resource_type: ResourceType,
        namespace: str | None,
        options: WatchOptions,
    ) -> AsyncIterator[RawEvent]:
        """Yield events from ``resource_version`` on; 410 (raised, or an ERROR event) when it is too old."""

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
        """Create it (``generateName`` honoured); ``name`` and ``subresource`` for e.g. ``pods/binding``."""

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
        """Replace it; ``subresource`` is ``status`` or ``scale``."""

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
        """Apply one of the four kinds of patch; server-side apply creates what is not there."""

    async def delete(
        self,
        resource_type: ResourceType,
        namespace: str,
        name: str,
        delete: DeleteOptions,
        options: WriteOptions,
    ) -> WriteResult:
        """Delete it, or begin to."""

    async def delete_collection(
        self,
        resource_type: ResourceType,
        namespace: str,
        selection: ListOptions,
        delete: DeleteOptions,
        options: WriteOptions,
    ) -> ListResult:
        """Delete each object of the selection; give what was selected."""
