"""The JSON patch (RFC 6902) that turns one document into another, with as little as is needed.

Lists are aligned by the names of their elements, as the lists of a pod are: an element that was put in front
is one ``add``, and a change inside of an element is a change of that field alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

import msgspec

Operation = dict[str, Any]
_Block = tuple[Sequence[Any], int, int]
"""A list, and where in it a block begins and ends."""
_MOST_COMPARISONS = 1_000_000
"""Aligning lists takes the product of their lengths; a list beyond that is replaced as a whole."""


def plan_patch(before: object, after: object, path: str = "") -> list[Operation]:
    """Give the operations, to be applied in order; none for equal documents."""
    return list(_changes(before, after, path))


def _changes(before: object, after: object, path: str) -> Iterator[Operation]:
    if before is after:  # what was not touched is shared, and not gone through
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _object_changes(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_changes(before, after, path)
    elif type(before) is not type(after) or before != after:
        yield {"op": "replace", "path": path, "value": after}


def _object_changes(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[Operation]:
    for key in before:
        if key not in after:
            yield {"op": "remove", "path": _below(path, key)}
    for key, value in after.items():
        if key in before:
            yield from _changes(before[key], value, _below(path, key))
        else:
            yield {"op": "add", "path": _below(path, key), "value": value}


def _list_changes(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[Operation]:
    """Go from the end to the front, so that places named later are still where they were."""
    old, new = _keys(before), _keys(after)
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    if (len(old) - head - tail) * (len(new) - head - tail) > _MOST_COMPARISONS:
        yield {"op": "replace", "path": path, "value": after}
        return
    middle = SequenceMatcher(a=old[head : len(old) - tail], b=new[head : len(new) - tail], autojunk=False)
    blocks = [
        (0, head, 0, head),
        *((head + one[1], head + one[2], head + one[3], head + one[4]) for one in middle.get_opcodes()),
        (len(old) - tail, len(old), len(new) - tail, len(new)),
    ]
    for first, last, new_first, new_last in reversed(blocks):
        yield from _block_changes((before, first, last), (after, new_first, new_last), path)


def _block_changes(old: _Block, new: _Block, path: str) -> Iterator[Operation]:
    """Turn one block of a list into what stands in its place: pair by pair, then what is left over."""
    before, first, last = old
    after, new_first, new_last = new
    paired = min(last - first, new_last - new_first)
    for place in reversed(range(first + paired, last)):
        yield {"op": "remove", "path": _below(path, place)}
    for value in reversed(after[new_first + paired : new_last]):
        yield {"op": "add", "path": _below(path, first + paired), "value": value}
    for offset in reversed(range(paired)):
        yield from _changes(before[first + offset], after[new_first + offset], _below(path, first + offset))


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """Give the length of the common beginning."""
    differing = (place for place, (one, other) in enumerate(zip(old, new, strict=False)) if one != other)
    return next(differing, min(len(old), len(new)))


def _keys(items: Sequence[Any]) -> list[str]:
    """Give what makes an element the same element: its name, else all of it."""
    return [
        f"name {item['name']}"
        if isinstance(item, dict) and isinstance(item.get("name"), str)
        else msgspec.json.encode(item, order="deterministic").decode()
        for item in items
    ]


def _below(path: str, key: str | int) -> str:
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"
