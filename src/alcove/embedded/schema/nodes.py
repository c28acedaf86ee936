"""One place in a schema, the same for built-in definitions and CRDs.

A node is made from JSON in OpenAPI's form when somebody first asks its parent for it; references lead to one
shared node per definition, so recursive schemas are finite and types share what they have in common.
"""

from __future__ import annotations

from typing import Any

from alcove.embedded.schema.definitions import REFERENCE, Definitions

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

_NO_CHILDREN: dict[str, Any] = {}

_ANY_TYPE = frozenset({str, int, float, bool, dict, list, type(None)})
_PYTHON_TYPES: dict[str, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "boolean": frozenset({bool}),
    "number": frozenset({int, float}),
    "object": frozenset({dict}),
    "array": frozenset({list}),
    "quantity": frozenset({str, int, float}),
    "int-or-string": frozenset({str, int}),
}


class NodeTable:
    """Makes nodes and keeps those of definitions."""

    def __init__(self, definitions: Definitions) -> None:
        """Serve references from ``definitions``."""
        self._definitions = definitions
        self._shared: dict[str, Node] = {}
        self.anything = Node({}, self, structural=False)
        """The node of values that no schema describes."""

    def definition(self, name: str) -> Node:
        """Give the node of a definition; one that is not vendored is anything."""
        node = self._shared.get(name)
        if node is None:
            source = self._definitions.get(name) if name in self._definitions else {}
            node = self._shared[name] = Node(source, self, structural=False)
        return node

    def node(self, source: dict[str, Any], *, structural: bool) -> Node:
        """Give the node of a schema, following ``$ref``; ``structural`` is how CRDs are read."""
        reference = source.get("$ref")
        if not isinstance(reference, str):
            return Node(source, self, structural=structural)
        target = self.definition(reference.removeprefix(REFERENCE))
        if len(source) == 1:
            return target
        return Node({**target.source, **source, "$ref": None}, self, structural=False)


class Node:
    """Implements ``ports.SchemaNode``.

    ``structural`` nodes keep only what they name, even when they name nothing; in built-in definitions an
    object without properties is any object.
    """

    __slots__ = (
        "_branches",
        "_children",
        "_items",
        "_table",
        "int_or_string",
        "nullable",
        "open",
        "properties",
        "python_types",
        "required",
        "source",
        "structural",
        "type",
    )

    def __init__(self, source: dict[str, Any], table: NodeTable, *, structural: bool) -> None:
        """Read what walks need often; ``source`` keeps the rest and must not be changed."""
        self.source = source
        self._table = table
        self.structural = structural
        self.properties: dict[str, Any] = source.get("properties") or _NO_CHILDREN
        self._children: dict[str, Node | None] = {}
        self._branches: dict[str, list[Node]] | None = None
        self._items: Node | None = None
        self.int_or_string: bool = source.get("x-kubernetes-int-or-string") is True
        self.type: str = source.get("type") or ""
        kind = "int-or-string" if self.int_or_string else self.type
        self.python_types = _PYTHON_TYPES.get(
            "quantity" if source.get("format") == "quantity" else kind, _ANY_TYPE
        )
        """The types that ``json`` gives for fitting values (null apart)."""
        self.nullable: bool = source.get("nullable") is True
        self.required: tuple[str, ...] = tuple(source.get("required") or ())
        additional = source.get("additionalProperties")
        self.open: bool = (
            additional is True
            or source.get("x-kubernetes-preserve-unknown-fields") is True
            or (not structural and not self.properties and not isinstance(additional, dict))
        )
        """Whether fields without a schema are kept."""

    @property
    def list_type(self) -> str:
        """How apply merges this list; ``atomic`` unless the schema says more."""
        return str(self.source.get("x-kubernetes-list-type") or "atomic")

    @property
    def list_map_keys(self) -> tuple[str, ...]:
        """The keys of a ``map`` list."""
        return tuple(self.source.get("x-kubernetes-list-map-keys") or ())

    @property
    def map_type(self) -> str:
        """``granular`` unless the schema says ``atomic``."""
        return str(self.source.get("x-kubernetes-map-type") or "granular")

    @property
    def patch_strategies(self) -> frozenset[str]:
        """How a strategic merge patch treats it."""
        return frozenset(filter(None, str(self.source.get("x-kubernetes-patch-strategy") or "").split(",")))

    @property
    def patch_merge_key(self) -> str:
        """The key by which a strategic merge patch matches entries."""
        return str(self.source.get("x-kubernetes-patch-merge-key") or "")

    def field(self, name: str) -> Node | None:
        """Give the node of a property or of a map's entry; for open objects one that allows anything."""
        return self._children.get(name) or self._make_field(name)

    def _make_field(self, name: str) -> Node | None:
        source = self.properties.get(name)
        if source is None:
            return self._entry()
        node = self._children[name] = self._table.node(source, structural=self.structural)
        return node

    def _entry(self) -> Node | None:
        # Kept under "" for every name: keys of maps come from users and are without number.
        if "" not in self._children:
            additional = self.source.get("additionalProperties")
            if isinstance(additional, dict):
                self._children[""] = self._table.node(additional, structural=self.structural)
            else:
                self._children[""] = self._table.anything if self.open else None
        return self._children[""]

    def items(self) -> Node | None:
        """Give the node of the entries; for an untyped node one that allows anything."""
        if self._items is None:
            source = self.source.get("items")
            if isinstance(source, dict):
                self._items = self._table.node(source, structural=self.structural)
            elif self.open:
                self._items = self._table.anything
        return self._items

    def branches(self, keyword: str) -> list[Node]:
        """Give the nodes of ``allOf``, ``anyOf`` or ``oneOf``, or (one) of ``not``."""
        if self._branches is None:
            self._branches = {}
        nodes = self._branches.get(keyword)
        if nodes is None:
            sources = self.source.get(keyword) or []
            sources = [sources] if isinstance(sources, dict) else sources
            nodes = self._branches[keyword] = [self._table.node(each, structural=True) for each in sources]
        return nodes

    def default_of(self, name: str) -> Any:
        """Give the default of a property; shared, to be copied before it is changed."""
        child = self.field(name)
        return None if child is None else child.source.get("default")
