"""Reads the vendored files: compressed at rest, decoded one definition at a time.

Descriptions are four fifths of the text and only OpenAPI shows them: they are read again for each document
and not kept.
"""

from __future__ import annotations

import gzip
from importlib import resources
from typing import Any

import msgspec

from alcove.embedded.objects import ResourceType

REFERENCE = "#/components/schemas/"
"""What stands before a definition's name in ``$ref``."""

EVERY_VERB = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class _Row(msgspec.Struct, rename="camel"):
    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...]
    implemented: bool
    definition: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


class _Types(msgspec.Struct):
    kubernetes: str
    types: list[_Row]


class Definitions:
    """The built-in definitions by name, and the types that use them."""

    def __init__(self, raw: dict[str, msgspec.Raw], release: str, types: tuple[ResourceType, ...]) -> None:
        """Hold what was read."""
        self._raw = raw
        self.release = release
        self.types = types

    @classmethod
    def load(cls) -> Definitions:
        """Read the vendored files (a few milliseconds)."""
        table = msgspec.json.decode(_read("types.json"), type=_Types)
        raw = msgspec.json.decode(gzip.decompress(_read("definitions.json.gz")), type=dict[str, msgspec.Raw])
        return cls(raw, table.kubernetes, tuple(_resource_type(row) for row in table.types))

    def __contains__(self, name: str) -> bool:
        return name in self._raw

    def get(self, name: str) -> dict[str, Any]:
        """Give one definition, decoded anew (KeyError when there is none)."""
        decoded: dict[str, Any] = msgspec.json.decode(self._raw[name])
        return decoded


def read_descriptions() -> dict[str, dict[str, str]]:
    """Give the descriptions of each definition by field, its own under the empty name."""
    content = gzip.decompress(_read("descriptions.json.gz"))
    return msgspec.json.decode(content, type=dict[str, dict[str, str]])


def _read(name: str) -> bytes:
    return (resources.files("alcove.embedded.schema.vendored") / name).read_bytes()


def _resource_type(row: _Row) -> ResourceType:
    return ResourceType(
        group=row.group,
        version=row.version,
        kind=row.kind,
        plural=row.plural,
        singular=row.kind.lower(),
        namespaced=row.namespaced,
        verbs=row.verbs,
        list_kind=f"{row.kind}List",
        short_names=row.short_names,
        categories=row.categories,
        subresources=row.subresources,
        implemented=row.implemented,
        extra={"definition": row.definition, "refused": row.refused},
    )
