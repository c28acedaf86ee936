"""Reads values out of objects: by plain paths, and by the subset of JSONPath that printer columns use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any


def at(item: Any, path: str, default: Any = None) -> Any:
    """Give the value at a path of plain names, ``status.phase``; ``default`` when it is not there or null."""
    for name in path.split("."):
        if not isinstance(item, dict):
            return default
        item = item.get(name)
    return default if item is None else item


def entries(item: Any, path: str) -> list[dict[str, Any]]:
    """Give the objects of the list at a path, none when there is no list."""
    value = at(item, path)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


class JsonPathError(ValueError):
    """The text is not a JSONPath, or not of the subset."""


_STEP = re.compile(
    r"""
      \.(?P<name>(?:\\.|[^.\[\]\\*\s])+)                                    # .name, dots escaped
    | \.?\[\s*(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\s*\]               # ['name']
    | \.?\[\s*(?P<index>-?[0-9]{1,9})\s*\]                                # [0]
    | (?P<all>\.\*|\.?\[\s*\*\s*\])                                       # .* or [*]
    | \.?\[\?\(\s*@\.(?P<key>[\w./-]+)\s*==\s*(?P<wanted>"[^"]*"|'[^']*'|[\w.-]+)\s*\)\]
    """,
    re.VERBOSE,
)

Step = tuple[str, Any]


@lru_cache(maxsize=1024)
def parse_json_path(text: str) -> tuple[Step, ...]:
    """Give the steps of a path such as ``.status.conditions[?(@.type=="Ready")].status``.

    Raises:
        JsonPathError: it is none; ``..``, slices and expressions beyond one equality are not known.
    """
    rest = text.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if rest and rest[0] not in ".[":
        rest = f".{rest}"
    steps: list[Step] = []
    position = 0
    while position < len(rest):
        match = _STEP.match(rest, position)
        if match is None:
            raise JsonPathError(f"unrecognized JSONPath {text!r} at {rest[position:]!r}")
        steps.append(_step(match))
        position = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    found = match.groupdict()
    if found["name"] is not None:
        return ("name", re.sub(r"\\(.)", r"\1", found["name"]))
    if found["quoted"] is not None:
        return ("name", found["quoted"])
    if found["index"] is not None:
        return ("index", int(found["index"]))
    if found["all"] is not None:
        return ("all", None)
    return ("where", (found["key"], found["wanted"].strip("'\"")))


def find(item: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    """Yield the values that a path leads to, in order."""
    if not steps:
        yield item
        return
    (kind, argument), rest = steps[0], steps[1:]
    for value in _follow(item, kind, argument):
        yield from find(value, rest)


def _follow(item: Any, kind: str, argument: Any) -> list[Any]:
    if isinstance(item, dict):
        if kind == "name":
            return [item[argument]] if argument in item else []
        return list(item.values()) if kind == "all" else []
    if not isinstance(item, list):
        return []
    if kind == "index":
        return item[argument:][:1] if -len(item) <= argument < len(item) else []
    if kind == "where":
        key, wanted = argument
        return [entry for entry in item if _as_text(at(entry, key)) == wanted]
    return item if kind == "all" else []


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
