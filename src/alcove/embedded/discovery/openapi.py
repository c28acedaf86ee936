"""OpenAPI v3 documents, one per group version.

They hold what clients read of them: schemas with descriptions (``kubectl explain``), merge keys (``kubectl
apply`` computes its patch from them), and paths with their kinds and, for PATCH, media types and the
``fieldValidation`` parameter (whose presence tells kubectl that the server validates). Responses are only
named. There is no OpenAPI v2: kubectl asks for it only where v3 is missing, and Helm not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from alcove.embedded.discovery.subresources import subresources_of
from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.schema import Catalog
from alcove.embedded.schema.definitions import REFERENCE, read_descriptions
from alcove.embedded.schema.nodes import OBJECT_META

_UNIONS: dict[str, Object] = {
    "quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
    "int-or-string": {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"},
}

_SHARED = "io.k8s.apimachinery.pkg.apis.meta.v1."
_LIST_META, _STATUS = f"{_SHARED}ListMeta", f"{_SHARED}Status"
_DELETE_OPTIONS, _PATCH = f"{_SHARED}DeleteOptions", f"{_SHARED}Patch"

_PATCH_TYPES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)

_WRITE_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_LIST_PARAMETERS = (
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
)
_DELETE_PARAMETERS = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")


class OpenApi:
    """Builds the documents; keeps nothing."""

    def __init__(self, catalog: Catalog) -> None:
        """Describe the types of ``catalog``."""
        self._catalog = catalog

    def digest(self, group: str, version: str) -> str:
        """Give a name for the present content of a group version's document, without building it."""
        seen = hashlib.sha256(self._catalog.release.encode())
        for each in self._catalog.types():
            if (each.group, each.version) == (group, version):
                seen.update(msgspec.json.encode([each.kind, each.plural, each.namespaced, each.subresources]))
                if each.custom:
                    seen.update(msgspec.json.encode(self._catalog.schema(each).source))
        return seen.hexdigest().upper()

    def document(self, types: Iterable[ResourceType]) -> bytes:
        """Give the document of types that share group and version (tens of milliseconds)."""
        types = list(types)
        schemas: dict[str, Object] = {}
        wanted = [_LIST_META, _STATUS, _DELETE_OPTIONS, _PATCH, OBJECT_META]
        paths: dict[str, Object] = {}
        for each in types:
            name = _definition_name(each)
            if each.custom:
                schemas[name] = _custom_schema(each, self._catalog.schema(each).source)
            else:
                wanted.append(name)
            if "list" in each.verbs:
                schemas[f"{name}List"] = _list_schema(each, name)
            paths.update(_paths(each, name))
        schemas.update(self._closure(wanted))
        return msgspec.json.encode(
            {
                "openapi": "3.0.0",
                "info": {"title": "Kubernetes", "version": self._catalog.release},
                "paths": paths,
                "components": {"schemas": dict(sorted(schemas.items()))},
            }
        )

    def _closure(self, names: Iterable[str]) -> dict[str, Object]:
        """Give the definitions that ``names`` lead to, themselves included, with descriptions."""
        descriptions = read_descriptions()
        result: dict[str, Object] = {}
        pending = list(names)
        while pending:
            name = pending.pop()
            if name in result:
                continue
            source = self._catalog.definitions.get(name)
            pending.extend(_references(source))
            result[name] = _described(source, descriptions.get(name, {}))
        return result


def _references(source: Any) -> Iterator[str]:
    if isinstance(source, dict):
        reference = source.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(REFERENCE)
        for key, value in source.items():
            if key == "properties":
                for each in value.values():
                    yield from _references(each)
            elif key in ("items", "additionalProperties"):
                yield from _references(value)


def _described(source: Object, texts: dict[str, str]) -> Object:
    union = _UNIONS.get(str(source.get("format")))
    result = dict(union or source)
    if "properties" in source:
        result["properties"] = {
            name: _property(each, texts.get(name)) for name, each in source["properties"].items()
        }
    if "" in texts:
        result["description"] = texts[""]
    return result


def _property(source: Object, description: str | None) -> Object:
    """Give a property; a reference cannot have siblings in OpenAPI 3.0, so it goes into ``allOf``."""
    result = dict(source)
    if "$ref" in result:
        result["allOf"] = [{"$ref": result.pop("$ref")}]
    if description:
        result["description"] = description
    return result


# ------------------------------------------------------------------------------------------------ names


def _definition_name(resource_type: ResourceType) -> str:
    if not resource_type.custom:
        return str(resource_type.extra["definition"])
    domain = ".".join(reversed(resource_type.group.split(".")))
    return f"{domain}.{resource_type.version}.{resource_type.kind}"


def _kind(resource_type: ResourceType, kind: str = "") -> dict[str, str]:
    return {
        "group": resource_type.group,
        "version": resource_type.version,
        "kind": kind or resource_type.kind,
    }


def _custom_schema(resource_type: ResourceType, source: Object) -> Object:
    return {**source, "x-kubernetes-group-version-kind": [_kind(resource_type)]}


def _list_schema(resource_type: ResourceType, name: str) -> Object:
    return {
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [_reference(_LIST_META)]},
            "items": {"type": "array", "items": {"allOf": [_reference(name)]}},
        },
        "x-kubernetes-group-version-kind": [_kind(resource_type, resource_type.list_kind)],
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": REFERENCE + name}


# ------------------------------------------------------------------------------------------------ paths


def _paths(resource_type: ResourceType, name: str) -> dict[str, Object]:
    prefix = "/apis/" if resource_type.group else "/api/"
    place = [resource_type.plural]
    parameters = []
    if resource_type.namespaced:
        place = ["namespaces", "{namespace}", *place]
        parameters = [_path_parameter("namespace")]
    collection = f"{prefix}{resource_type.api_version}/" + "/".join(place)
    named = [*parameters, _path_parameter("name")]
    paths = {
        collection: _operations(resource_type, name, _COLLECTION, parameters),
        f"{collection}/{{name}}": _operations(resource_type, name, _NAMED, named),
    }
    if resource_type.namespaced:
        everywhere = f"{prefix}{resource_type.api_version}/{resource_type.plural}"
        paths[everywhere] = _operations(resource_type, name, (("list", "get"),), [])
    for below in subresources_of(resource_type):
        if below.kind == resource_type.kind:
            actions = tuple(entry for entry in _NAMED if entry[0] in below.verbs)
            paths[f"{collection}/{{name}}/{below.name}"] = _operations(resource_type, name, actions, named)
    return {path: operations for path, operations in paths.items() if operations.keys() - {"parameters"}}


_COLLECTION = (("list", "get"), ("create", "post"), ("deletecollection", "delete"))
_NAMED = (("get", "get"), ("update", "put"), ("patch", "patch"), ("delete", "delete"))


def _operations(
    resource_type: ResourceType, name: str, actions: Iterable[tuple[str, str]], parameters: list[Object]
) -> Object:
    operations: Object = {"parameters": parameters} if parameters else {}
    for verb, method in actions:
        if verb in resource_type.verbs:
            operations[method] = _operation(resource_type, name, verb, method)
    return operations


def _operation(resource_type: ResourceType, name: str, verb: str, method: str) -> Object:
    answer = {"list": f"{name}List", "delete": _STATUS, "deletecollection": _STATUS}.get(verb, name)
    operation: Object = {
        "responses": {"200": {"description": "OK", "content": _content(answer, ("application/json",))}},
        "x-kubernetes-action": method if verb in ("create", "update") else verb,
        "x-kubernetes-group-version-kind": _kind(resource_type),
    }
    if verb in ("create", "update"):
        operation["parameters"] = _query_parameters(_WRITE_PARAMETERS)
        operation["requestBody"] = {"content": _content(name, ("*/*",))}
    elif verb == "patch":
        kinds = [each for each in _PATCH_TYPES if not (resource_type.custom and "strategic" in each)]
        operation["parameters"] = _query_parameters((*_WRITE_PARAMETERS, "force"))
        operation["requestBody"] = {"content": _content(_PATCH, kinds)}
    elif verb == "list":
        operation["parameters"] = _query_parameters(_LIST_PARAMETERS)
    elif verb in ("delete", "deletecollection"):
        operation["parameters"] = _query_parameters(_DELETE_PARAMETERS)
        operation["requestBody"] = {"content": _content(_DELETE_OPTIONS, ("*/*",))}
    return operation


def _content(name: str, media_types: Iterable[str]) -> Object:
    return {media_type: {"schema": _reference(name)} for media_type in media_types}


def _path_parameter(name: str) -> Object:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


_INTEGERS = ("gracePeriodSeconds", "limit", "timeoutSeconds")
_BOOLEANS = ("allowWatchBookmarks", "force", "orphanDependents", "sendInitialEvents", "watch")


def _query_parameters(names: Iterable[str]) -> list[Object]:
    return [{"name": name, "in": "query", "schema": {"type": _parameter_type(name)}} for name in names]


def _parameter_type(name: str) -> str:
    if name in _INTEGERS:
        return "integer"
    return "boolean" if name in _BOOLEANS else "string"
