"""What is served and how its objects look (room: schema)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from alcove.embedded.faults import Cause
from alcove.embedded.objects import GroupResource, Object, ResourceType


class SchemaNode(Protocol):
    """One place in a schema, as strategic merge, apply and validation walk it (room: schema).

    Built-in types and CRDs look the same through it.
    """

    @property
    def type(self) -> str:
        """``object``, ``array``, ``string``, ``integer``, ``number``, ``boolean``; empty: anything."""

    @property
    def list_type(self) -> str:
        """``atomic`` (default), ``set`` or ``map``: how apply merges this list."""

    @property
    def list_map_keys(self) -> tuple[str, ...]:
        """The keys that identify an entry of a ``map`` list, such as ``("containerPort", "protocol")``."""

    @property
    def map_type(self) -> str:
        """``granular`` (default) or ``atomic``: whether apply owns the entries or the whole."""

    @property
    def patch_strategies(self) -> frozenset[str]:
        """Of ``merge``, ``replace``, ``retainKeys``: how a strategic merge patch treats this field."""

    @property
    def patch_merge_key(self) -> str:
        """The key by which a strategic merge patch matches the entries of this list; may be empty."""

    def field(self, name: str) -> SchemaNode | None:
        """Give the node of a property (or of any entry of a map); None when the schema has no such field."""

    def items(self) -> SchemaNode | None:
        """Give the node of a list's entries."""

    def default_of(self, name: str) -> Any:
        """Give the default of property ``name``, None when it has none."""


class Catalog(Protocol):
    """The resource types that are served now and their schemas (room: schema)."""

    def types(self) -> Sequence[ResourceType]:
        """Give every type, built-in and custom, in discovery order (several versions of one are several)."""

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """Give the type that a request path names."""

    def preferred(self, resource: GroupResource) -> ResourceType | None:
        """Give the preferred version of a resource."""

    def for_kind(self, group: str, version: str, kind: str) -> ResourceType | None:
        """Give the type of an object's ``apiVersion`` and ``kind``."""

    def schema(self, resource_type: ResourceType) -> SchemaNode:
        """Give the schema of its objects."""

    def unknown_fields(self, resource_type: ResourceType, item: Object) -> list[str]:
        """Give the paths of fields that the schema does not have, as ``spec.containers[0].imagee``."""

    def prune(self, resource_type: ResourceType, item: Object) -> Object:
        """Give the object without its unknown fields (as Kubernetes drops them), the same one if none."""

    def default(self, resource_type: ResourceType, item: Object) -> Object:
        """Give the object with Kubernetes' defaults filled in; ``item`` itself is not changed."""

    def validate(self, resource_type: ResourceType, item: Object, old: Object | None) -> list[Cause]:
        """Give what is wrong with the object: types, required fields, rules, forbidden changes."""
