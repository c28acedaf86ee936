"""Walks an object along its schema: which fields are known, which are of another type, what is filled in.

Nothing is changed in place: what comes back shares every part that stayed as it was, so that walking an
object that is in order costs no copies. Only recursive schemas and free-form fields can be deep; beyond
``DEPTH_LIMIT`` an object is refused, so that no later walk or copy of it runs out of stack.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from alcove.embedded.faults import Cause, bad_request
from alcove.embedded.schema import causes
from alcove.embedded.schema.nodes import Node

DEPTH_LIMIT = 200

_GO_NAMES = {"boolean": "bool", "array": "slice", "object": "struct", "number": "float64"}

_ZERO_ALLOWED = frozenset({"boolean", "integer", "number"})

_NOT_REALLY_REQUIRED = frozenset(
    {
        *("endpoints", "status", "creationTimestamp", "lastTransitionTime"),
        *("selector", "template", "roleRef", "scaleTargetRef", "involvedObject", "request", "signerName"),
        *("backend", "revision", "value"),
    }
)
"""Marked as required because Go always writes them; their rules, if any, tell of their absence."""


def prune(node: Node, value: Any, depth: int = 0) -> Any:
    """Give the value without unknown fields and what means absence (nulls, empty lists), or itself.

    Raises:
        ApiError: 400 when it is nested deeper than ``DEPTH_LIMIT``.
    """
    _check_depth(depth)
    if isinstance(value, dict):
        return _prune_object(node, value, depth)
    if isinstance(value, list):
        items = node.items()
        if items is None:
            return value
        kept = [
            prune(items, entry, depth + 1) if isinstance(entry, dict | list) else entry for entry in value
        ]
        return value if all(new is old for new, old in zip(kept, value, strict=True)) else kept
    return value


def _prune_object(node: Node, value: dict[str, Any], depth: int) -> dict[str, Any]:
    free = node.open and not node.properties and not node.structural
    result = value
    for name, entry in value.items():
        child = node.field(name)
        if child is None or (not entry and not free and _means_absence(node, name, entry, child)):
            if result is value:
                result = dict(value)
            del result[name]
        elif isinstance(entry, dict | list):
            kept = prune(child, entry, depth + 1)
            if kept is not entry:
                if result is value:
                    result = dict(value)
                result[name] = kept
    return result


def _means_absence(node: Node, name: str, entry: Any, child: Node) -> bool:
    """Tell whether an empty value is the same as none: nulls, and lists and maps that may be left out."""
    if child.structural:
        return False
    if entry is None:
        return True
    if name in node.required or name not in node.properties:
        return False
    return (entry == [] and child.type == "array") or (
        entry == {} and isinstance(child.source.get("additionalProperties"), dict)
    )


def unknown_fields(node: Node, value: Any, path: str = "", depth: int = 0) -> Iterator[str]:
    """Yield the paths of fields without a schema.

    Raises:
        ApiError: as ``prune``.
    """
    _check_depth(depth)
    if isinstance(value, dict):
        for name, entry in value.items():
            child = node.field(name)
            if child is None:
                yield causes.join(path, name)
            elif isinstance(entry, dict | list):
                yield from unknown_fields(child, entry, causes.join(path, name), depth + 1)
    elif isinstance(value, list) and (items := node.items()) is not None:
        for index, entry in enumerate(value):
            if isinstance(entry, dict | list):
                yield from unknown_fields(items, entry, f"{path}[{index}]", depth + 1)


def _check_depth(depth: int) -> None:
    if depth > DEPTH_LIMIT:
        raise bad_request(f"the object is nested deeper than {DEPTH_LIMIT} levels")


def with_defaults(node: Node, value: Any) -> Any:
    """Give the value with the defaults that a structural schema states; itself when nothing is missing."""
    if not node.structural:
        return value
    if isinstance(value, list):
        items = node.items()
        if items is None:
            return value
        filled = [with_defaults(items, entry) for entry in value]
        return value if all(new is old for new, old in zip(filled, value, strict=True)) else filled
    if not isinstance(value, dict):
        return value
    changed: dict[str, Any] = {}
    for name, source in node.properties.items():
        missing = value.get(name) is None and (name not in value or not source.get("nullable"))
        if missing and "default" in source:
            changed[name] = copy.deepcopy(source["default"])
    for name, entry in (value | changed).items():
        if isinstance(entry, dict | list) and (child := node.field(name)) is not None:
            filled = with_defaults(child, entry)
            if filled is not entry:
                changed[name] = filled
    return value | changed if changed else value


def fits(node: Node, value: Any) -> bool:
    """Tell quickly whether an object has the types and the required fields of a built-in schema."""
    if isinstance(value, dict):
        if node.open:
            return True
        for name in node.required:
            if value.get(name) is None:
                return False
        for name, entry in value.items():
            child = node.field(name)
            if child is not None:
                kind = type(entry)
                if kind not in child.python_types or (kind in _NESTED and not fits(child, entry)):
                    return False
        return True
    items = node.items()
    if items is None:
        return True
    return all(
        type(entry) in items.python_types and (type(entry) not in _NESTED or fits(items, entry))
        for entry in value
    )


_NESTED = frozenset({dict, list})


def wrong_types(node: Node, value: Any, path: str = "") -> Iterator[str]:
    """Yield what a Go decoder says of each value of another type, ``... .spec.replicas of type int32``."""
    if type(value) not in node.python_types:
        given, wanted = _json_name(value), _go_name(node)
        yield f"json: cannot unmarshal {given} into Go struct field {path} of type {wanted}"
    elif isinstance(value, dict) and not node.open:
        for name, entry in value.items():
            if (child := node.field(name)) is not None:
                yield from wrong_types(child, entry, causes.join(path, name))
    elif isinstance(value, list) and (items := node.items()) is not None:
        for entry in value:
            yield from wrong_types(items, entry, path)


def missing(node: Node, value: Any, path: str = "") -> Iterator[Cause]:
    """Yield the required fields of a built-in schema that are not there, outside of ``status``."""
    if isinstance(value, dict) and not node.open:
        for name in node.required:
            if value.get(name) is None and name not in _NOT_REALLY_REQUIRED:
                child = node.field(name)
                if child is not None and child.type not in _ZERO_ALLOWED:
                    yield causes.required(causes.join(path, name))
        for name, entry in value.items():
            # Those of owners are told of by the rules of metadata.
            if name not in ("status", "ownerReferences") and (child := node.field(name)) is not None:
                yield from missing(child, entry, causes.join(path, name))
    elif isinstance(value, list) and (items := node.items()) is not None:
        for index, entry in enumerate(value):
            yield from missing(items, entry, f"{path}[{index}]")


def _go_name(node: Node) -> str:
    if node.type in ("integer", "number"):
        return str(node.source.get("format") or "int64")
    return _GO_NAMES.get(node.type, node.type or "string")


def _json_name(value: Any) -> str:
    if value is None:
        return "null"
    names = {str: "string", bool: "bool", dict: "object", list: "array"}
    return names.get(type(value), "number")
