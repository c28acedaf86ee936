"""Looking into what charts render: it has the shape that it should have, or counts as not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def mapping(value: object) -> Mapping[str, Any]:
    """Give a mapping as it is, and an empty one for everything else."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the mappings in a list, and nothing from everything else."""
    if isinstance(value, list | tuple):
        for item in value:
            if isinstance(item, Mapping):
                yield item


def text(value: object) -> str:
    """Give a text as it is, and an empty one for everything else."""
    return value if isinstance(value, str) else ""


def metadata(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give an object's metadata."""
    return mapping(item.get("metadata"))


def name_of(item: Mapping[str, Any]) -> str:
    """Give an object's name."""
    return text(metadata(item).get("name"))


def each(value: object, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Give a list with ``change`` applied to the mappings in it, and everything else as it is."""
    if not isinstance(value, list):
        return value
    return [change(item) if isinstance(item, dict) else item for item in value]
