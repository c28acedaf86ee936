"""Sets of fields of an object, in the form of ``fieldsV1``: the form in which they are stored.

A set is a tree of dicts. Its keys are steps into the object: ``f:name`` into a field, ``k:{"name":"a"}`` to
the entry of a map list with these keys, ``v:"a"`` to the entry of a set with this value. The key ``.`` says
that the node itself is in the set; a node without keys is in it too, and is written ``{}``. Only at the
root does ``{}`` mean the empty set. Nodes are shared and never changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from json.encoder import encode_basestring
from typing import Any

from alcove.embedded.objects import Object
from alcove.embedded.ports import SchemaNode

FieldSet = dict[str, Any]

LEAF: FieldSet = {}
"""A node that is in the set and has nothing below it."""

_ITSELF: FieldSet = {".": LEAF}

_UNOWNED = frozenset({"apiVersion", "kind"})
_UNOWNED_METADATA = frozenset(
    {
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    }
)


def _opened(node: FieldSet) -> FieldSet:
    return node or _ITSELF


def _closed(node: FieldSet) -> FieldSet:
    return LEAF if len(node) == 1 and "." in node else node


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    """Give the fields that are in either set."""
    if not left or not right:
        return left or right
    result = dict(left)
    for step, node in right.items():
        mine = result.get(step)
        if mine is None:
            result[step] = node
        elif mine != node:
            result[step] = _closed(union(_opened(mine), _opened(node)))
    return result


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """Give the fields of ``left`` that are not in ``right``; fields below those of ``right`` stay."""
    if not right:
        return left
    result: FieldSet = {}
    for step, node in left.items():
        theirs = right.get(step)
        if theirs is None:
            result[step] = node
        elif step != "." and (rest := difference(_opened(node), _opened(theirs))):
            result[step] = _closed(rest)
    return result


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    """Give the fields that are in both sets."""
    result: FieldSet = {}
    for step, node in left.items():
        theirs = right.get(step)
        if theirs is None:
            continue
        if step == ".":
            result[step] = LEAF
        elif both := intersection(_opened(node), _opened(theirs)):
            result[step] = _closed(both)
    return result


def paths(fields: FieldSet, prefix: str = "") -> Iterator[str]:
    """Yield the paths in the set as Kubernetes prints them: ``.spec.containers[name="a"].image``.

    Those of one level come before what is below it.
    """
    if "." in fields:
        yield prefix
    below = sorted((_printed(step), node) for step, node in fields.items() if step != ".")
    yield from (prefix + printed for printed, node in below if not node or "." in node)
    for printed, node in below:
        yield from paths({step: child for step, child in node.items() if step != "."}, prefix + printed)


def _printed(step: str) -> str:
    kind, _, text = step.partition(":")
    if kind == "f":
        return f".{text}"
    if kind == "v":
        return f"[={text}]"
    if kind == "k":
        keys = json.loads(text)
        return "[" + ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(keys.items())) + "]"
    return f"[{text}]"


# ------------------------------------------------------------------------------------ sets of values


def fields_of_object(item: Object, schema: SchemaNode, *, containers: bool) -> FieldSet:
    """Give the fields of an object that somebody can own.

    ``containers`` also names the maps and lists that only hold other fields, as a writer owns them; an
    applier does not.
    """
    result: FieldSet = {}
    for name, value in item.items():
        if name == "metadata" and isinstance(value, dict):
            node = schema.field("metadata")
            own = {
                f"f:{key}": fields_of(child, _field(node, key), containers=containers)
                for key, child in value.items()
                if key not in _UNOWNED_METADATA
            }
            if own:
                result["f:metadata"] = own
        elif name not in _UNOWNED:
            result[f"f:{name}"] = fields_of(value, schema.field(name), containers=containers)
    return result


def fields_of(value: Any, node: SchemaNode | None, *, containers: bool) -> FieldSet:
    """Give the fields of one value; ``node`` is its schema, None when it has none."""
    if not value or not isinstance(value, dict | list):
        return LEAF
    result: FieldSet = {".": LEAF} if containers else {}
    if isinstance(value, dict):
        if node is not None and node.map_type == "atomic":
            return LEAF
        for name, child in value.items():
            if isinstance(child, dict | list):
                result[f"f:{name}"] = fields_of(child, _field(node, name), containers=containers)
            else:
                result[f"f:{name}"] = LEAF
        return result
    entries = keyed(value, node)
    if entries is None:
        return LEAF
    inner = node.items() if node is not None else None
    for step, child in entries:
        if step in result or not isinstance(child, dict):
            result[step] = LEAF
        else:
            result[step] = _closed({".": LEAF, **fields_of(child, inner, containers=containers)})
    return result


def _field(node: SchemaNode | None, name: str) -> SchemaNode | None:
    return node.field(name) if node is not None else None


def keyed(values: list[Any], node: SchemaNode | None) -> list[tuple[str, Any]] | None:
    """Give each entry of a list with its step; None when the list is owned as a whole.

    So is one whose entries cannot be told apart by what the schema names (which validation refuses).
    """
    kind = node.list_type if node is not None else "atomic"
    if node is None or kind not in ("map", "set"):
        return None
    names, inner = sorted(node.list_map_keys), node.items()
    result = []
    for value in values:
        step = _entry_step(value, names, inner) if kind == "map" else _value_step(value)
        if step is None:
            return None
        result.append((step, value))
    return result


def _entry_step(value: Any, names: list[str], inner: SchemaNode | None) -> str | None:
    if not isinstance(value, dict):
        return None
    parts = []
    for name in names:
        key = value.get(name)
        if key is None and inner is not None:
            key = inner.default_of(name)
        if key is not None:
            parts.append(f"{encode_basestring(name)}:{_encoded(key)}")
    return f"k:{{{','.join(parts)}}}" if parts else None


def _value_step(value: Any) -> str | None:
    return None if value is None or isinstance(value, dict | list) else f"v:{_encoded(value)}"


def _encoded(value: Any) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


# ------------------------------------------------------------------------------------ comparison


def compare_objects(old: Object, new: Object, schema: SchemaNode) -> tuple[FieldSet, FieldSet]:
    """Give the fields that ``new`` no longer has, and those that it has anew or with another value."""
    removed, changed = compare(_ownable(old), _ownable(new), schema)
    for fields in (removed, changed):
        own = fields.get("f:metadata")
        if own and (own := {step: node for step, node in own.items() if step != "."}):
            fields["f:metadata"] = own
        else:
            fields.pop("f:metadata", None)
    return removed, changed


def _ownable(item: Object) -> Object:
    result = {name: value for name, value in item.items() if name not in _UNOWNED}
    metadata = item.get("metadata")
    if isinstance(metadata, dict):
        result["metadata"] = {key: value for key, value in metadata.items() if key not in _UNOWNED_METADATA}
    return result


def compare(old: Any, new: Any, node: SchemaNode | None) -> tuple[FieldSet, FieldSet]:
    """Give what went and what came or changed between two values; a changed value itself is ``.``."""
    if isinstance(old, dict) and isinstance(new, dict):
        if node is not None and node.map_type == "atomic":
            return _as_whole(old, new)
        return _compare_maps(old, new, node)
    if isinstance(old, list) and isinstance(new, list):
        before, after = keyed(old, node), keyed(new, node)
        if before is not None and after is not None:
            return _compare_lists(before, after, node.items() if node is not None else None)
        if before is None and after is None:
            return _as_whole(old, new)
    if isinstance(old, dict | list) or isinstance(new, dict | list):
        return _opened(fields_of(old, node, containers=True)), _opened(fields_of(new, node, containers=True))
    return _as_whole(old, new)


def _as_whole(old: Any, new: Any) -> tuple[FieldSet, FieldSet]:
    return {}, (_ITSELF if old != new else {})


def _compare_maps(old: Object, new: Object, node: SchemaNode | None) -> tuple[FieldSet, FieldSet]:
    removed: FieldSet = {}
    changed: FieldSet = {}
    for name, value in old.items():
        if name not in new:
            removed[f"f:{name}"] = fields_of(value, _field(node, name), containers=True)
    for name, value in new.items():
        if name not in old:
            changed[f"f:{name}"] = fields_of(value, _field(node, name), containers=True)
        elif value != (before := old[name]):
            _put(f"f:{name}", compare(before, value, _field(node, name)), removed, changed)
    return removed, changed


def _put(step: str, outcome: tuple[FieldSet, FieldSet], removed: FieldSet, changed: FieldSet) -> None:
    gone, come = outcome
    if gone:
        removed[step] = _closed(gone)
    if come:
        changed[step] = _closed(come)


def _compare_lists(
    before: list[tuple[str, Any]], after: list[tuple[str, Any]], inner: SchemaNode | None
) -> tuple[FieldSet, FieldSet]:
    removed: FieldSet = {}
    changed: FieldSet = {}
    old, new = grouped(before), grouped(after)
    for step, values in old.items():
        if step not in new:
            removed[step] = _entry_fields(values, inner)
    for step, values in new.items():
        earlier = old.get(step)
        if earlier is None:
            changed[step] = _entry_fields(values, inner)
        elif len(values) == 1 == len(earlier):
            _put(step, compare(earlier[0], values[0], inner), removed, changed)
        elif values != earlier:
            removed[step], changed[step] = _entry_fields(earlier, inner), _entry_fields(values, inner)
    return removed, changed


def grouped(entries: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Give the entries by their steps, which only lists that the schema does not allow share."""
    result: dict[str, list[Any]] = {}
    for step, value in entries:
        result.setdefault(step, []).append(value)
    return result


def _entry_fields(values: list[Any], inner: SchemaNode | None) -> FieldSet:
    """Entries with the same keys (which only the API of old let in) are owned as one."""
    return fields_of(values[0], inner, containers=True) if len(values) == 1 else LEAF
