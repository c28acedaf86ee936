"""The types that are served now: those of Kubernetes, and those users define while the cluster runs."""

from __future__ import annotations

from collections.abc import Sequence

from alcove.embedded.faults import ApiError, Cause, bad_request
from alcove.embedded.objects import GroupResource, Object, ResourceType
from alcove.embedded.schema import causes, crds, defaults, structure
from alcove.embedded.schema.definitions import Definitions
from alcove.embedded.schema.kind_rules import RULES
from alcove.embedded.schema.metadata_rules import check_metadata
from alcove.embedded.schema.nodes import Node, NodeTable
from alcove.embedded.schema.rules import run
from alcove.embedded.schema.values import check_value
from alcove.embedded.schema.wire_forms import FormError, WireForms


class Catalog:
    """Implements ``ports.Catalog``.

    ``generation`` grows with each change of the types, so that whoever renders them knows when to do it anew.
    """

    def __init__(self, definitions: Definitions) -> None:
        """Serve the built-in types; use ``load``."""
        self.definitions = definitions
        self._builtin = definitions.types
        self._table = NodeTable(definitions)
        self._custom: dict[str, tuple[crds.CustomType, ...]] = {}
        self._schemas: dict[tuple[str, str, str], Node] = {}
        self._forms = WireForms()
        self.release = definitions.release
        self.generation = 0
        self._index()

    @classmethod
    def load(cls) -> Catalog:
        """Read the vendored schema (a few milliseconds)."""
        return cls(Definitions.load())

    def install_crd(self, crd: Object) -> None:
        """Serve, or serve anew, the types of a valid CustomResourceDefinition."""
        self._custom[crd["metadata"]["name"]] = crds.types_of(crd)
        self._index()

    def remove_crd(self, name: str) -> None:
        """Serve the types of this CRD no longer; nothing happens when there is none."""
        if self._custom.pop(name, None) is not None:
            self._index()

    def types(self) -> Sequence[ResourceType]:
        """Give every type, built-in first, then custom ones by group, priority of version and name."""
        return self._types

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """Give the type that a request path names."""
        return self._by_path.get((group, version, plural))

    def preferred(self, resource: GroupResource) -> ResourceType | None:
        """Give the first version of a resource that is implemented."""
        return self._preferred.get(resource)

    def for_kind(self, group: str, version: str, kind: str) -> ResourceType | None:
        """Give the type of an object."""
        return self._by_kind.get((group, version, kind))

    def schema(self, resource_type: ResourceType) -> Node:
        """Give the schema of its objects."""
        place = (resource_type.group, resource_type.version, resource_type.plural)
        node = self._schemas.get(place)
        if node is None:
            node = self._schemas[place] = self._make_schema(resource_type)
        return node

    def unknown_fields(self, resource_type: ResourceType, item: Object) -> list[str]:
        """Give the paths of fields that the schema does not have."""
        return list(structure.unknown_fields(self.schema(resource_type), item))

    def prune(self, resource_type: ResourceType, item: Object) -> Object:
        """Give the object without its unknown fields, the same one if none."""
        pruned: Object = structure.prune(self.schema(resource_type), item)
        return pruned

    def default(self, resource_type: ResourceType, item: Object) -> Object:
        """Give the object with defaults; ``item`` itself is not changed.

        Raises:
            ApiError: 400 when a built-in object has values of other types than its kind.
        """
        node = self.schema(resource_type)
        if resource_type.custom:
            filled: Object = structure.with_defaults(node, item)
            return filled
        _refuse_wrong_types(resource_type, node, item)
        try:
            item = self._forms.normal(node, item)
        except FormError as error:
            raise _undecodable(resource_type, str(error)) from None
        return defaults.complete(resource_type.resource, item)

    def validate(self, resource_type: ResourceType, item: Object, old: Object | None) -> list[Cause]:
        """Give what is wrong: missing fields, broken rules, forbidden changes.

        What an update leaves as it was is not looked at again.

        Raises:
            ApiError: 400 when a built-in object (or the metadata of a custom one) has values of other types.
        """
        node = self.schema(resource_type)
        if resource_type.custom:
            return self._validate_custom(resource_type, node, item, old)
        _refuse_wrong_types(resource_type, node, item)
        found = list(check_metadata(resource_type, item, old))
        if old is None or _content(item) != _content(old):
            missing = [] if structure.fits(node, item) else list(structure.missing(node, item))
            found += missing or run(RULES.get(resource_type.resource, ()), item, old)
        return found

    def _validate_custom(
        self, resource_type: ResourceType, node: Node, item: Object, old: Object | None
    ) -> list[Cause]:
        metadata = node.field("metadata")
        if metadata is not None:
            _refuse_wrong_types(resource_type, metadata, item.get("metadata") or {}, "metadata")
        found = list(check_metadata(resource_type, item, old))
        if old is None or item.keys() != old.keys() or any(item[key] != old[key] for key in item):
            found += check_value(node, item)
        return found

    def _make_schema(self, resource_type: ResourceType) -> Node:
        source = self._custom_schemas.get(resource_type)
        if source is not None:
            return self._table.node(source, structural=True)
        return self._table.definition(resource_type.extra.get("definition", ""))

    def _index(self) -> None:
        custom = sorted(
            (entry for entries in self._custom.values() for entry in entries),
            key=lambda entry: crds.discovery_order(entry.type),
        )
        self._custom_schemas = {entry.type: entry.schema for entry in custom}
        self._types = (*self._builtin, *(entry.type for entry in custom))
        self._by_path = {(each.group, each.version, each.plural): each for each in self._types}
        self._by_kind = {(each.group, each.version, each.kind): each for each in self._types}
        self._preferred: dict[GroupResource, ResourceType] = {}
        for each in sorted(self._types, key=lambda each: not each.implemented):
            self._preferred.setdefault(each.resource, each)
        self._schemas.clear()
        self.generation += 1


def _content(item: Object) -> Object:
    return {key: value for key, value in item.items() if key not in ("metadata", "status")}


def _refuse_wrong_types(resource_type: ResourceType, node: Node, item: Object, path: str = "") -> None:
    if structure.fits(node, item):
        return
    kind = resource_type.kind
    for complaint in structure.wrong_types(node, item, causes.join(kind, path) if path else kind):
        raise _undecodable(resource_type, complaint)


def _undecodable(resource_type: ResourceType, complaint: str) -> ApiError:
    kind = resource_type.kind
    return bad_request(
        f'{kind} in version "{resource_type.version}" cannot be handled as a {kind}: {complaint}'
    )
