"""What can be wrong with trees that are kept equal, and what was left out of one.

::

    AlcoveError
    └── SyncError          bytes or trees that are not what they should be
        ├── MissingBlobError   the store does not hold (any more) what a manifest names: it must be sent again
        └── StoreFullError     there is no room left for sources
"""

from __future__ import annotations

from dataclasses import dataclass

from alcove.errors import AlcoveError


class SyncError(AlcoveError):
    """A manifest, an upload or a tree is not what it should be."""


class MissingBlobError(SyncError):
    """The store has no sound blob of this digest: ask for it again."""

    def __init__(self, digest: str, *, cause: str = "") -> None:
        """Say which one; ``cause`` where there was one that is damaged."""
        super().__init__(f"the content {digest[:12]} is not in the store", cause=cause)
        self.digest = digest


class StoreFullError(SyncError):
    """The sources do not fit into the store."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something of the workstation's tree that is not in the manifest, and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        """Give one line for people."""
        return f"{self.path}: {self.reason}"
