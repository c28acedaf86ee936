"""Server-side apply: the applier says what it wants of the object; what it wanted before and no more goes.

The live object and the applied one are merged; fields that the applier alone owned and left out are
removed; a field that would change under another owner's hands is a conflict, unless forced.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from alcove.embedded import faults, objects
from alcove.embedded.objects import Object
from alcove.embedded.patching import fieldsets, limits, ownership
from alcove.embedded.patching.fieldsets import FieldSet
from alcove.embedded.patching.ownership import Owner, Owners, Share
from alcove.embedded.ports import SchemaNode

_BEFORE = "before-first-apply"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@limits.bounded
def apply_server_side(
    live: Object | None,
    applied: Object,
    *,
    schema: SchemaNode,
    manager: str,
    force: bool,
    subresource: str,
    api_version: str,
    now: str,
) -> Object:
    """Give the object after ``manager`` applied ``applied`` to ``live`` (None: there is none yet).

    The caller leaves out of ``applied`` what the endpoint ignores (``status`` on an object with that
    subresource) and defaults and validates the result. ``now`` is RFC 3339.

    Raises:
        ApiError: 400 when ``applied`` has managed fields or another version; 500 for lists whose entries
            cannot be told apart; 409 with one cause for each conflicting field.
    """
    _check(applied, schema, api_version)
    me = Owner(manager, "Apply", subresource)
    mine = Share(fieldsets.fields_of_object(applied, schema, containers=False), now, api_version)
    if live is None:
        return ownership.with_owners(_without_nulls(applied), {me: mine} if mine.fields else {})
    owners = ownership.owners_of(live) or _unattributed(live, schema, api_version)
    last = owners.pop(me, None)
    merged = _merge(live, applied, schema)
    if last is not None:
        claimed = ownership.everything([mine, *owners.values()])
        merged = _prune(merged, last.fields, claimed, schema)
    removed, changed = fieldsets.compare_objects(live, merged, schema)
    if not force:
        _refuse_conflicts(owners, changed, _excused(live, manager, schema))
    owners = ownership.without(owners, changed, removed)
    if last is not None and not changed and not removed and last.fields == mine.fields:
        mine = last
    if mine.fields:
        owners[me] = mine
    return ownership.with_owners(_with_last_applied(merged, applied, manager), owners)


def _unattributed(live: Object, schema: SchemaNode, api_version: str) -> Owners:
    fields = fieldsets.fields_of_object(live, schema, containers=True)
    return {Owner(_BEFORE, "Update", "", api_version): Share(fields, "", api_version)} if fields else {}


# ------------------------------------------------------------------------------------ what may be applied


def _check(applied: Object, schema: SchemaNode, api_version: str) -> None:
    if objects.metadata(applied).get("managedFields") is not None:
        raise faults.bad_request("metadata.managedFields must be nil")
    if (version := applied.get("apiVersion")) != api_version:
        raise faults.bad_request(
            f"Incorrect version specified in apply patch. Specified patch version: {version}, "
            f"expected: {api_version}"
        )
    limits.check_depth(applied)
    wrong = _indistinct(applied, schema, "")
    if wrong:
        raise untypable(applied, wrong)


def untypable(applied: Object, wrong: str) -> faults.ApiError:
    """Give the error of Kubernetes (500, without a reason) for an applied object that its schema refuses."""
    name, version = objects.metadata(applied).get("name", ""), applied.get("apiVersion", "")
    told = version if "/" in version else f"/{version}"
    kind = applied.get("kind", "")
    return faults.ApiError(
        500, "", f"failed to create typed patch object (/{name}; {told}, Kind={kind}): {wrong}"
    )


def _indistinct(value: Any, node: SchemaNode | None, path: str) -> str:
    """Tell the first list of which two entries are one, or an entry is none; empty when all is well."""
    if node is None:
        return ""
    if isinstance(value, dict):
        if node.map_type == "atomic":
            return ""
        parts = ((child, node.field(name), f"{path}.{name}") for name, child in value.items())
    elif isinstance(value, list) and node.list_type in ("map", "set"):
        entries = fieldsets.keyed(value, node)
        if entries is None:
            keys = f" with one of the keys {list(node.list_map_keys)}" if node.list_map_keys else ""
            return f"{path}: an entry is not of the list's type{keys}"
        seen: set[str] = set()
        for step, _ in entries:
            if step in seen:
                return f"{path}: duplicate entries for key {next(iter(fieldsets.paths({step: {}})))}"
            seen.add(step)
        parts = ((child, node.items(), path + step[2:]) for step, child in entries)
    else:
        return ""
    return next((wrong for each in parts if (wrong := _indistinct(*each))), "")


# ------------------------------------------------------------------------------------ conflicts


def _refuse_conflicts(owners: Mapping[Owner, Share], changed: FieldSet, excused: FieldSet) -> None:
    causes: list[tuple[Owner, str]] = []
    for owner in sorted(owners):
        both = fieldsets.difference(fieldsets.intersection(owners[owner].fields, changed), excused)
        causes += [(owner, path) for path in fieldsets.paths(both)]
    if not causes:
        return
    raise faults.ApiError(
        409,
        "Conflict",
        _conflict_text(causes),
        details={
            "causes": [
                {
                    "reason": "FieldManagerConflict",
                    "message": f"conflict with {owner.printed()}",
                    "field": path,
                }
                for owner, path in causes
            ]
        },
    )


def _conflict_text(causes: list[tuple[Owner, str]]) -> str:
    if len(causes) == 1:
        owner, path = causes[0]
        return f"Apply failed with 1 conflict: conflict with {owner.printed()}: {path}"
    lines = []
    for owner in dict.fromkeys(owner for owner, _ in causes):
        lines.append(f"conflicts with {owner.printed()}:")
        lines += [f"- {path}" for other, path in causes if other == owner]
    return f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines)


def _last_applied(item: Object) -> Any:
    annotations = objects.metadata(item).get("annotations")
    return annotations.get(_LAST_APPLIED) if isinstance(annotations, dict) else None


def _excused(live: Object, manager: str, schema: SchemaNode) -> FieldSet:
    """What kubectl itself applied on the client's side, and nobody changed since, is no conflict for it."""
    text = _last_applied(live) if manager == "kubectl" else None
    if not isinstance(text, str) or not text:
        return {}
    try:
        earlier = limits.decode_object(text.encode())
    except (faults.ApiError, UnicodeEncodeError):
        return {}
    fields = fieldsets.fields_of_object(earlier, schema, containers=False)
    removed, changed = fieldsets.compare_objects(earlier, live, schema)
    return fieldsets.difference(fieldsets.difference(fields, removed), changed)


def _with_last_applied(merged: Object, applied: Object, manager: str) -> Object:
    """Keep the annotation of client-side apply true, so that kubectl users may go back to it."""
    if manager != "kubectl" or not _last_applied(merged):
        return merged
    metadata = objects.metadata(applied)
    annotations = {k: v for k, v in objects.annotations_of(applied).items() if k != _LAST_APPLIED}
    text = msgspec.json.encode({**applied, "metadata": {**metadata, "annotations": annotations}}).decode()
    own = objects.metadata(merged)
    return {**merged, "metadata": {**own, "annotations": {**own["annotations"], _LAST_APPLIED: text + "\n"}}}


# ------------------------------------------------------------------------------------ merging and pruning


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(child) for name, child in value.items() if child is not None}
    return [_without_nulls(child) for child in value] if isinstance(value, list) else value


def _merge(live: Any, applied: Any, node: SchemaNode | None) -> Any:
    if isinstance(live, dict) and isinstance(applied, dict):
        if node is not None and node.map_type == "atomic":
            return _without_nulls(applied)
        result = dict(live)
        for name, value in applied.items():
            if value is None:
                result.pop(name, None)
            elif name in result:
                result[name] = _merge(result[name], value, node.field(name) if node is not None else None)
            else:
                result[name] = _without_nulls(value)
        return result
    if isinstance(live, list) and isinstance(applied, list) and node is not None:
        before, after = fieldsets.keyed(live, node), fieldsets.keyed(applied, node)
        if before is not None and after is not None:
            return _merge_lists(before, after, node.items())
    return _without_nulls(applied)


def _merge_lists(
    live: list[tuple[str, Any]], applied: list[tuple[str, Any]], inner: SchemaNode | None
) -> list[Any]:
    """Applied entries keep the order in which they are applied; others keep their place among them."""
    before = fieldsets.grouped(live)
    queue = deque(applied)
    result = []

    def take() -> str:
        step, value = queue.popleft()
        own = before.get(step, ())
        result.append(_merge(own[0], value, inner) if len(own) == 1 else _without_nulls(value))
        return step

    wanted = dict(applied)
    shared = deque(step for step, _ in applied if step in before)
    for step, value in live:
        if step not in wanted:
            result.append(value)
        elif shared and shared[0] == step:
            shared.popleft()
            while take() != step:
                pass
    while queue:
        take()
    return result


def _prune(value: Any, last: FieldSet, claimed: FieldSet, node: SchemaNode | None) -> Any:
    """Give the value without what is in ``last`` and nobody claims any more, and all below it."""
    if isinstance(value, dict):
        if node is not None and node.map_type == "atomic":
            return value
        result = {}
        for name, child in value.items():
            mine, others = last.get(f"f:{name}"), claimed.get(f"f:{name}")
            if mine is None:
                result[name] = child
            elif others is not None:
                result[name] = _prune(child, mine, others, node.field(name) if node is not None else None)
        return result
    entries = fieldsets.keyed(value, node) if isinstance(value, list) else None
    if entries is None or node is None:
        return value
    kept = []
    for step, child in entries:
        mine, others = last.get(step), claimed.get(step)
        if mine is None:
            kept.append(child)
        elif others is not None and (not others or "." in others):
            kept.append(_prune(child, mine, others, node.items()))
    return kept
