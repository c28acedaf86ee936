"""The tree of spaces, made from whatever parents the namespaces name.

A label can name anything, so a broken parent is a fact to live with and to report: the space is treated as a
root, and what is below it still works.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from alcove.model import Space, SpaceName


class Fault(Enum):
    """Why a space's parent does not count."""

    UNKNOWN_PARENT = "its parent is not a space"
    CYCLE = "its ancestors lead back to it"


@dataclass(frozen=True, slots=True)
class SpaceTree:
    """Every space with its effective parent."""

    parents: Mapping[SpaceName, SpaceName | None]
    faults: Mapping[SpaceName, Fault]
    """The spaces that are roots only because their parent does not count."""

    def chain(self, space: SpaceName) -> tuple[SpaceName, ...]:
        """Give the space, its parent, ... its root; nothing for a name that is no space."""
        found: list[SpaceName] = []
        current: SpaceName | None = space if space in self.parents else None
        while current is not None:
            found.append(current)
            current = self.parents[current]
        return tuple(found)

    def root(self, space: SpaceName) -> SpaceName:
        """Give the root that a space ends at, itself when it is no space."""
        return (self.chain(space) or (space,))[-1]

    def children(self, space: SpaceName) -> tuple[SpaceName, ...]:
        """Give the spaces whose parent it is, by name."""
        return tuple(sorted(name for name, parent in self.parents.items() if parent == space))

    def descendants(self, space: SpaceName) -> tuple[SpaceName, ...]:
        """Give every space below it, by name."""
        return tuple(sorted(name for name in self.parents if name != space and space in self.chain(name)))

    def path(self, space: SpaceName) -> str:
        """Give its name as users write it: ``root/child/grandchild``."""
        return "/".join(reversed(self.chain(space)))


def plan_tree(spaces: Iterable[Space]) -> SpaceTree:
    """Make the tree; the order of the spaces does not matter."""
    named = {space.name: space.parent for space in spaces}
    faults = {
        name: Fault.UNKNOWN_PARENT
        for name, parent in named.items()
        if parent is not None and parent not in named
    }
    faults |= {name: Fault.CYCLE for name in named if name not in faults and _in_cycle(name, named)}
    parents = {name: None if name in faults else parent for name, parent in named.items()}
    return SpaceTree(parents, faults)


def _in_cycle(name: SpaceName, named: Mapping[SpaceName, SpaceName | None]) -> bool:
    visited: set[SpaceName] = set()
    current: SpaceName | None = name
    while current is not None and current not in visited:
        visited.add(current)
        current = named.get(current)
        if current == name:
            return True
    return False
