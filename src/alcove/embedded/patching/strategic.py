"""Strategic merge patch: a merge patch that knows from the schema how each list is to be merged.

Directives in the patch say more: ``$patch`` (``replace``, ``delete``) in an object or an entry of a list,
``$retainKeys`` (only these fields stay), ``$deleteFromPrimitiveList/x`` and ``$setElementOrder/x`` beside a
list ``x``.
"""

from __future__ import annotations

from typing import Any

from alcove.embedded import faults
from alcove.embedded.objects import Object
from alcove.embedded.patching import limits
from alcove.embedded.ports import SchemaNode

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE_FROM = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


@limits.bounded
def apply_strategic_patch(item: Object, body: bytes, schema: SchemaNode) -> Object:
    """Give the object after a strategic merge patch.

    Raises:
        ApiError: 400 when the body or a directive is malformed, 422 when an entry has no merge key or a
            list mixes types.
    """
    return _merge_maps(item, limits.decode_object(body), schema)


def _merge_maps(original: Object, patch: Object, node: SchemaNode | None) -> Object:
    directive = patch.get(_DIRECTIVE)
    if directive == "replace":
        return {name: _clean(value) for name, value in patch.items() if name != _DIRECTIVE}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise faults.bad_request(f"unknown patch type: {directive!s:.80}")
    result = dict(original)
    _retain(result, patch)
    for name in _named(patch):
        value = patch.get(name)
        removals, order = patch.get(_DELETE_FROM + name), patch.get(_ORDER + name)
        if removals is None and order is None and not isinstance(value, dict | list):
            _put(result, name, value, present=name in patch)
            continue
        child = node.field(name) if node is not None else None
        if removals is not None:
            _delete_values(result, name, removals)
        if order is not None:
            _merge_ordered(result, patch, name, child)
        elif name in patch:
            _merge_field(result, name, value, child)
    return result


def _named(patch: Object) -> list[str]:
    """Give the fields that the patch speaks of, by themselves or in a directive; each once."""
    names: dict[str, None] = {}
    for key in patch:
        if key in (_DIRECTIVE, _RETAIN):
            continue
        for prefix in (_DELETE_FROM, _ORDER):
            if key.startswith(prefix):
                names[key.removeprefix(prefix)] = None
                break
        else:
            names[key] = None
    return list(names)


def _put(result: Object, name: str, value: Any, *, present: bool) -> None:
    if not present:
        return
    if value is None:
        result.pop(name, None)
    else:
        result[name] = value


def _retain(result: Object, patch: Object) -> None:
    keys = patch.get(_RETAIN)
    if keys is None:
        return
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise faults.bad_request("invalid patch format of retainKeys")
    for name, value in patch.items():
        if value is not None and not name.startswith("$") and name not in keys:
            raise faults.bad_request("invalid patch format of retainKeys")
    for name in [name for name in result if name not in keys]:
        del result[name]


def _merge_field(result: Object, name: str, value: Any, node: SchemaNode | None) -> None:
    before = result.get(name)
    strategies = node.patch_strategies if node is not None else frozenset()
    if isinstance(value, dict) and isinstance(before, dict) and "replace" not in strategies:
        result[name] = _merge_maps(before, value, node)
    elif isinstance(value, list) and isinstance(before, list) and "merge" in strategies:
        result[name] = _merge_lists(before, value, node)
    elif isinstance(value, dict) and value.get(_DIRECTIVE) == "delete":
        result.pop(name, None)
    else:
        _put(result, name, _clean(value), present=True)


def _clean(value: Any) -> Any:
    """Give a value of the patch as it stands where nothing was: without directives and nulls."""
    if isinstance(value, dict):
        return {
            name: _clean(child)
            for name, child in value.items()
            if child is not None and not name.startswith((_DIRECTIVE, _RETAIN, _DELETE_FROM, _ORDER))
        }
    if isinstance(value, list):
        return [_clean(child) for child in value if not (isinstance(child, dict) and _DIRECTIVE in child)]
    return value


# ------------------------------------------------------------------------------------ lists


def _merge_lists(before: list[Any], patch: list[Any], node: SchemaNode | None) -> list[Any]:
    if not before and not patch:
        return before
    kinds = {type(entry) for entry in (*before, *patch)}
    if list in kinds:
        raise limits.rejected("lists of lists are not supported")
    if len(kinds) > 1:
        raise limits.rejected("list element types are not identical")
    if dict not in kinds:
        return _in_order(list(dict.fromkeys([*before, *patch])), patch, before, "")
    key = node.patch_merge_key if node is not None else ""
    if not key:
        raise limits.rejected("cannot merge lists without merge key")
    kept, plain, replaced = _follow_directives(before, patch, key)
    if replaced:
        return plain
    inner = node.items() if node is not None else None
    for entry in plain:
        where = next((i for i, own in enumerate(kept) if own.get(key) == entry[key] and key in own), None)
        if where is None:
            kept.append(_clean(entry))
        else:
            kept[where] = _merge_maps(kept[where], entry, inner)
    return _in_order(kept, plain, before, key)


def _follow_directives(before: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any], bool]:
    kept, plain, replaced = list(before), [], False
    for entry in patch:
        directive = entry.get(_DIRECTIVE)
        if directive == "replace":
            replaced = True
            continue
        if directive not in (None, "delete", "merge"):
            raise faults.bad_request(f"unknown patch type: {directive!s:.80}")
        if key not in entry:
            raise limits.rejected(f"map: {entry!s:.200} does not contain declared merge key: {key}")
        if directive == "delete":
            kept = [own for own in kept if own.get(key) != entry[key]]
        else:
            plain.append({name: value for name, value in entry.items() if name != _DIRECTIVE})
    return kept, [_clean(entry) for entry in plain] if replaced else plain, replaced


def _delete_values(result: Object, name: str, removals: Any) -> None:
    if not isinstance(removals, list):
        raise faults.bad_request("invalid patch format of primitive list")
    before = result.get(name)
    if isinstance(before, list):
        result[name] = [entry for entry in before if entry not in removals]


def _merge_ordered(result: Object, patch: Object, name: str, node: SchemaNode | None) -> None:
    """Merge a list that comes with ``$setElementOrder``, and put its entries into that order."""
    order, value, before = patch[_ORDER + name], patch.get(name), result.get(name)
    if not isinstance(order, list):
        raise faults.bad_request("invalid patch format of setElementOrder list")
    if value is None and name in patch:
        result.pop(name, None)
        return
    if (value is not None and not isinstance(value, list)) or not isinstance(before, list | None):
        raise faults.bad_request("invalid patch format of setElementOrder list")
    key = node.patch_merge_key if node is not None else ""
    if value is not None:
        places = iter([_identity(entry, key) for entry in order])
        plain = [entry for entry in value if not (isinstance(entry, dict) and _DIRECTIVE in entry)]
        if order and not all(_identity(entry, key) in places for entry in plain):
            raise limits.rejected(f"the order in patch list doesn't match {_ORDER}{name} list")
        _merge_field(result, name, value, node)
    merged = result.get(name)
    if isinstance(merged, list):
        result[name] = _in_order(merged, order, before or [], key)


def _in_order(merged: list[Any], wanted: list[Any], before: list[Any], key: str) -> list[Any]:
    """Sort the entries that ``wanted`` names as it does; put the others between them as they were before.

    An entry that was not there before comes before the others, as in Kubernetes.
    """
    ranks = _positions(wanted, key)
    places = _positions(before, key)
    named = sorted((e for e in merged if _identity(e, key) in ranks), key=lambda e: ranks[_identity(e, key)])
    others = [entry for entry in merged if _identity(entry, key) not in ranks]
    result = []
    for entry in named:
        place = places.get(_identity(entry, key), -1)
        while others and places.get(_identity(others[0], key), len(before)) < place:
            result.append(others.pop(0))
        result.append(entry)
    return result + others


def _positions(entries: list[Any], key: str) -> dict[Any, int]:
    result: dict[Any, int] = {}
    for place, entry in enumerate(entries):
        result.setdefault(_identity(entry, key), place)
    return result


def _identity(entry: Any, key: str) -> Any:
    """Give what tells an entry from the others, in a form that can be hashed."""
    value = entry.get(key) if key and isinstance(entry, dict) else entry
    return str(value) if isinstance(value, dict | list) else (type(value), value)
