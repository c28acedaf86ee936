"""A YAML file as a tree that knows its lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, number, boolean or nothing."""

    line: int
    text: str
    """As the file has it, without quotes and with escapes resolved."""
    value: Any
    """What it means: str, int, float, bool or None."""
    plain: bool = True
    """Written without quotes."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    line: int
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping, with its value."""

    line: int
    key: str
    node: Node


@dataclass(frozen=True, slots=True)
class Tree:
    """A mapping; keys are texts, and no key is there twice."""

    line: int
    entries: Mapping[str, Entry]

    def get(self, *path: str) -> Node | None:
        """Give what is at a path of keys, None where there is nothing."""
        node: Node | None = self
        for key in path:
            entry = node.entries.get(key) if isinstance(node, Tree) else None
            node = entry.node if entry else None
        return node


Node = Scalar | Items | Tree


def describe(node: Node) -> str:
    """Give the kind of a node in words."""
    match node:
        case Tree():
            return "a mapping"
        case Items():
            return "a list"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool()):
            return "true or false"
        case Scalar(value=int() | float()):
            return "a number"
    return "a text"


def walk(node: Node) -> Iterator[Scalar]:
    """Give every scalar below a node, in order; one that is reached by aliases as often as it is reached."""
    stack = [node]
    while stack:
        match stack.pop():
            case Scalar() as scalar:
                yield scalar
            case Items(nodes=nodes):
                stack.extend(reversed(nodes))
            case Tree(entries=entries):
                stack.extend(entry.node for entry in reversed(list(entries.values())))
