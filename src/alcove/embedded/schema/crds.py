"""Turns a CustomResourceDefinition into the types and schemas it stands for."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.schema.definitions import EVERY_VERB, REFERENCE
from alcove.embedded.schema.nodes import OBJECT_META

_KUBERNETES_VERSION = re.compile(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")
_STABILITY = {"alpha": 0, "beta": 1, None: 2}

_STRING = {"type": "string"}
_RESOURCE_FIELDS: dict[str, Any] = {
    "apiVersion": _STRING,
    "kind": _STRING,
    "metadata": {"$ref": REFERENCE + OBJECT_META},
}


class CustomType(NamedTuple):
    """One served version of a CRD."""

    type: ResourceType
    schema: dict[str, Any]


def types_of(crd: Object) -> tuple[CustomType, ...]:
    """Give a type per served version of a valid CRD."""
    spec = crd["spec"]
    stored = next((each["name"] for each in spec["versions"] if each.get("storage")), "")
    return tuple(
        CustomType(_type(spec, version, stored), _schema(version))
        for version in spec["versions"]
        if version.get("served")
    )


def discovery_order(resource_type: ResourceType) -> tuple[Any, ...]:
    """Give the sort key of a custom type: group, version by priority, name."""
    return (resource_type.group, version_priority(resource_type.version), resource_type.plural)


def version_priority(version: str) -> tuple[Any, ...]:
    """Give a sort key: v2, v1, v1beta2, v1beta1, v1alpha1, then others by name."""
    match = _KUBERNETES_VERSION.fullmatch(version)
    if match is None:
        return (1, 0, 0, 0, version)
    major, stability, minor = match.groups()
    return (0, -_STABILITY[stability], -int(major), -int(minor or 0), version)


def _type(spec: dict[str, Any], version: dict[str, Any], stored: str) -> ResourceType:
    names = spec["names"]
    below = version.get("subresources") or {}
    extra = {
        "printerColumns": version.get("additionalPrinterColumns") or [],
        "scale": below.get("scale"),
        "deprecated": bool(version.get("deprecated")),
        "deprecationWarning": version.get("deprecationWarning") or "",
    }
    return ResourceType(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        namespaced=spec["scope"] == "Namespaced",
        verbs=EVERY_VERB,
        list_kind=names.get("listKind") or f"{names['kind']}List",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=tuple(name for name in ("scale", "status") if name in below),
        custom=True,
        storage_version=stored,
        extra=extra,
    )


def _schema(version: dict[str, Any]) -> dict[str, Any]:
    source = (version.get("schema") or {}).get("openAPIV3Schema")
    if not isinstance(source, dict):
        source = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return _with_resource_fields(_completed(source))


def _completed(node: dict[str, Any]) -> dict[str, Any]:
    """Give the schema with the fields that embedded resources have without naming them."""
    result = dict(node)
    if isinstance(node.get("properties"), dict):
        result["properties"] = {name: _completed(each) for name, each in node["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            result[key] = _completed(node[key])
    return _with_resource_fields(result) if node.get("x-kubernetes-embedded-resource") is True else result


def _with_resource_fields(node: dict[str, Any]) -> dict[str, Any]:
    return {**node, "properties": {**(node.get("properties") or {}), **_RESOURCE_FIELDS}}
