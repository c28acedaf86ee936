"""Rules about CustomResourceDefinitions: names that agree, one stored version, structural schemas.

A structural schema tells the type of everything that it names, so that fields can be pruned and defaulted
without guessing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from alcove.embedded.faults import Cause
from alcove.embedded.objects import Object
from alcove.embedded.schema import causes, syntax
from alcove.embedded.schema.rules import like, named, one_of, unchanging

_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean"})
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_PRESERVE, _INT_OR_STRING = "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"
_EMBEDDED = "x-kubernetes-embedded-resource"

_fixed = unchanging("spec.group", "spec.scope", "spec.names.plural", "spec.names.kind")


def check_crd(crd: Object, old: Object | None) -> Iterator[Cause]:
    """Yield what is wrong with a CRD whose types are right and whose defaults are filled in."""
    spec = crd.get("spec") or {}
    names, group = spec.get("names") or {}, spec.get("group", "")
    name = (crd.get("metadata") or {}).get("name", "")
    if name != f"{names.get('plural')}.{group}":
        yield causes.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    yield from named(syntax.dns_subdomain)("spec.group", group)
    if group and "." not in group:
        yield causes.invalid("spec.group", group, "should be a domain with at least one dot")
    yield from one_of("Cluster", "Namespaced")("spec.scope", spec.get("scope", ""))
    yield from _check_names(names)
    yield from _check_versions(spec.get("versions") or [])
    if (strategy := (spec.get("conversion") or {}).get("strategy", "None")) not in ("None", "Webhook"):
        yield causes.not_supported("spec.conversion.strategy", strategy, ("None", "Webhook"))
    if spec.get("preserveUnknownFields"):
        why = "must be set to false; use x-kubernetes-preserve-unknown-fields in the schema instead"
        yield causes.invalid("spec.preserveUnknownFields", True, why)
    yield from _fixed(crd, old)


def _check_names(names: Object) -> Iterator[Cause]:
    for field in ("plural", "singular", "kind", "listKind"):
        path, name = f"spec.names.{field}", str(names.get(field) or "")
        if not name:
            yield causes.required(path)
        elif complaints := syntax.service_label(name.lower() if "ind" in field else name):
            mixed = "may have mixed case, but should otherwise match: " if "ind" in field else ""
            yield causes.invalid(path, name, mixed + ",".join(complaints))
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        yield causes.invalid("spec.names.listKind", names["kind"], "kind and listKind may not be the same")
    for field in ("shortNames", "categories"):
        for index, name in enumerate(names.get(field) or ()):
            yield from like(syntax.service_label)(f"spec.names.{field}[{index}]", name)


def _check_versions(versions: list[Object]) -> Iterator[Cause]:
    names = [version.get("name", "") for version in versions]
    if len(set(names)) != len(names):
        yield causes.invalid("spec.versions", names, "must contain unique version names")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        why = "must have exactly one version marked as storage version"
        yield causes.invalid("spec.versions", names, why)
    for index, version in enumerate(versions):
        path = f"spec.versions[{index}]"
        yield from named(syntax.service_label)(f"{path}.name", version.get("name", ""))
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            yield causes.required(f"{path}.schema.openAPIV3Schema")
        else:
            yield from check_schema(f"{path}.schema.openAPIV3Schema", schema, "the root")
        yield from _check_columns(path, version.get("additionalPrinterColumns") or ())
        yield from _check_subresources(f"{path}.subresources", version.get("subresources") or {})


def _check_columns(path: str, columns: Any) -> Iterator[Cause]:
    for index, column in enumerate(columns):
        place = f"{path}.additionalPrinterColumns[{index}]"
        for field in ("name", "jsonPath"):
            if not column.get(field):
                yield causes.required(f"{place}.{field}")
        yield from one_of(*_COLUMN_TYPES)(f"{place}.type", column.get("type", ""))


def _check_subresources(path: str, subresources: Object) -> Iterator[Cause]:
    scale = subresources.get("scale")
    for field, root in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        if scale is not None and not str(scale.get(field, "")).startswith(root):
            why = f"should be a json path under {root[:-1]}"
            yield causes.invalid(f"{path}.scale.{field}", scale.get(field, ""), why)


def check_schema(path: str, schema: Any, place: str) -> Iterator[Cause]:
    """Yield why a schema is not structural; ``place`` says what it describes, for messages."""
    if not isinstance(schema, dict):
        yield causes.invalid(path, schema, "must be a schema")
        return
    kind = schema.get("type", "")
    if place == "the root" and kind not in ("", "object"):
        yield causes.invalid(f"{path}.type", kind, "must be object at the root")
    elif not kind and not schema.get(_PRESERVE) and not schema.get(_INT_OR_STRING):
        yield causes.required(f"{path}.type", f"must not be empty {place_phrase(place)}")
    elif kind and kind not in _TYPES:
        yield causes.not_supported(f"{path}.type", kind, sorted(_TYPES))
    if schema.get(_EMBEDDED) and kind != "object":
        why = "must be object if x-kubernetes-embedded-resource is true"
        yield causes.invalid(f"{path}.type", kind, why)
    if "$ref" in schema:
        yield causes.forbidden(f"{path}.$ref", "$ref is not supported")
    if schema.get("properties") and schema.get("additionalProperties"):
        yield causes.forbidden(
            f"{path}.additionalProperties", "additionalProperties and properties are mutual exclusive"
        )
    yield from _check_pattern(path, schema)
    yield from _check_list(path, schema)
    for name, each in (schema.get("properties") or {}).items():
        if place != "the root" or name != "metadata":
            yield from check_schema(f"{path}.properties[{name}]", each, "object fields")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from check_schema(
            f"{path}.additionalProperties", schema["additionalProperties"], "object fields"
        )


def place_phrase(place: str) -> str:
    """Give a place as messages name it."""
    return "at the root" if place == "the root" else f"for specified {place}"


def _check_pattern(path: str, schema: Object) -> Iterator[Cause]:
    pattern = schema.get("pattern")
    if pattern is None:
        return
    try:
        re.compile(pattern)
    except (re.error, TypeError, RecursionError) as error:
        # Go's syntax has more than Python's; what both reject is wrong for sure.
        if isinstance(pattern, str) and re.search(r"\\[pPzQ]|\[\[:|\(\?[a-zA-Z]", pattern):
            return
        yield causes.invalid(
            f"{path}.pattern", pattern, f"must be a valid regular expression, but isn't: {error}"
        )


def _check_list(path: str, schema: Object) -> Iterator[Cause]:
    items = schema.get("items")
    if schema.get("type") == "array" and items is None:
        yield causes.required(f"{path}.items", "must be specified")
    elif items is not None:
        yield from check_schema(f"{path}.items", items, "array items")
    if schema.get("uniqueItems"):
        yield causes.forbidden(
            f"{path}.uniqueItems",
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        )
    list_type, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys")
    if list_type is not None:
        yield from one_of("atomic", "map", "set")(f"{path}.x-kubernetes-list-type", list_type)
    if list_type == "map" and not keys:
        yield causes.required(
            f"{path}.x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map"
        )
