"""What an API object is here: a JSON object, never changed once it is stored.

Objects are plain dicts because they are open (CRDs, fields of newer versions) and go in and out as JSON.
Whoever wants a changed object copies it first (``copy_object``); readers share one instance.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NewType

Object = dict[str, Any]
"""A JSON object with ``apiVersion``, ``kind`` and ``metadata``."""

GroupResource = NewType("GroupResource", str)
"""A resource without its version, written as kubectl does: ``pods``, ``deployments.apps``."""


class ObjectKey(NamedTuple):
    """Where an object lives; ``namespace`` is empty for cluster-scoped resources."""

    resource: GroupResource
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource in one version, as discovery lists it."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    verbs: tuple[str, ...]
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    implemented: bool = True
    """False: known to Kubernetes, answered here with 501 and the list of what is supported."""
    custom: bool = False
    """Defined by a CustomResourceDefinition of this cluster."""
    storage_version: str = ""
    """The version in which a custom resource is stored; empty means ``version``."""
    extra: Object = field(default_factory=dict, compare=False, hash=False)

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects: ``v1``, ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> GroupResource:
        """Its name without the version."""
        return GroupResource(f"{self.plural}.{self.group}" if self.group else self.plural)


class StoredObject(NamedTuple):
    """An object as it is stored: never to be changed in place."""

    key: ObjectKey
    object: Object
    revision: int
    """The revision of its last write; also in ``metadata.resourceVersion``."""
    encoded: bytes
    """The JSON of ``object``, encoded once for every reader and watcher."""


class StoreEvent(NamedTuple):
    """One write, as watchers see it."""

    type: str
    """``ADDED``, ``MODIFIED`` or ``DELETED``."""
    current: StoredObject
    """The object after the write; for DELETED its last state, with the revision of the deletion."""
    previous: StoredObject | None
    """The object before it, so that a selector's watcher sees objects enter and leave."""


class WatchEvent(NamedTuple):
    """One event of a watch in this process."""

    type: str
    """``ADDED``, ``MODIFIED``, ``DELETED``, or ``SYNCED`` once after the initial list."""
    resource: GroupResource
    object: Object


def copy_object(source: Object) -> Object:
    """Give a deep copy that may be changed."""
    return copy.deepcopy(source)


def metadata(item: Object) -> dict[str, Any]:
    """Give the object's metadata, an empty dict when it has none."""
    value = item.get("metadata")
    return value if isinstance(value, dict) else {}


def labels_of(item: Object) -> dict[str, str]:
    """Give the object's labels, an empty dict when it has none."""
    return metadata(item).get("labels") or {}


def annotations_of(item: Object) -> dict[str, str]:
    """Give the object's annotations, an empty dict when it has none."""
    return metadata(item).get("annotations") or {}


def controller_of(item: Object) -> dict[str, Any] | None:
    """Give the owner reference with ``controller: true``, if there is one."""
    for reference in metadata(item).get("ownerReferences") or ():
        if reference.get("controller"):
            return dict(reference)
    return None
