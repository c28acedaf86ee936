"""A stack of layers as the one tree that a container sees, and the marks by which overlayfs deletes."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from alcove.errors import AlcoveError

_OPAQUE = "trusted.overlay.opaque"
_OPAQUE_UNPRIVILEGED = "user.overlay.opaque"
_MAX_LINKS = 40


def is_whiteout(status: os.stat_result) -> bool:
    """Tell whether this is overlayfs's mark for "deleted here"."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def put_whiteout(path: Path) -> None:
    """Mark ``path``, which must not exist, as deleted."""
    os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))


def make_opaque(directory: Path) -> None:
    """Hide what lower layers have in ``directory``."""
    try:
        os.setxattr(directory, _OPAQUE, b"y")
    except PermissionError:
        os.setxattr(directory, _OPAQUE_UNPRIVILEGED, b"y")


def is_opaque(directory: Path) -> bool:
    """Tell whether ``directory`` hides what lower layers have in it."""
    for name in (_OPAQUE, _OPAQUE_UNPRIVILEGED):
        with suppress(OSError):
            if os.getxattr(directory, name, follow_symlinks=False) == b"y":
                return True
    return False


def parts_of(path: str) -> tuple[str, ...]:
    """Give the components of a path; ``..`` stays."""
    return tuple(part for part in path.split("/") if part not in ("", "."))


class MergedTree:
    """What a container sees of its layers (lowest first) and machine trees.

    Paths are absolute in it, and symbolic links are followed in it: none leads out of it.
    """

    def __init__(self, layers: Sequence[Path], machine_trees: Sequence[str] = ()) -> None:
        """Look at these; the tree may change while it is looked at."""
        self._roots = [((), layer) for layer in reversed(layers)]
        self._trees = [(parts_of(tree), Path(tree)) for tree in machine_trees]

    def locate(self, path: str, *, follow: bool = True) -> tuple[str, Path | None]:
        """Give the path with its links followed, and the file that shows there, None when there is none.

        Without ``follow`` a link at the very end is given itself.

        Raises:
            AlcoveError: the links go round in a circle.
        """
        pending, done, links = deque(parts_of(path)), list[str](), 0
        while pending:
            part = pending.popleft()
            if part == "..":
                del done[-1:]
                continue
            found = self._at((*done, part))
            if found is None or not found.is_symlink() or not (pending or follow):
                done.append(part)
                continue
            links += 1
            if links > _MAX_LINKS:
                raise AlcoveError(f"{path}: too many symbolic links")
            target = str(found.readlink())
            if target.startswith("/"):
                done = []
            pending.extendleft(reversed(parts_of(target)))
        return "/" + "/".join(done), self._at(tuple(done))

    def children(self, path: str) -> dict[str, Path]:
        """Give the entries of a directory by name, in order; ``path`` is one that ``locate`` gave."""
        found: dict[str, Path | None] = {}
        for directory in self._stack(parts_of(path)):
            if not directory.is_dir() or directory.is_symlink():
                break
            with os.scandir(directory) as entries:
                for entry in entries:
                    hidden = is_whiteout(entry.stat(follow_symlinks=False))
                    found.setdefault(entry.name, None if hidden else Path(entry.path))
        return {name: child for name, child in sorted(found.items()) if child is not None}

    def _at(self, parts: tuple[str, ...]) -> Path | None:
        first = next(self._stack(parts), None)
        return None if first is None or is_whiteout(first.lstat()) else first

    def _stack(self, parts: tuple[str, ...]) -> Iterator[Path]:
        """Yield what the layers have at a path, highest first, as far down as it shows through."""
        for prefix, root in (*self._roots, *self._trees):
            if parts[: len(prefix)] != prefix:
                continue
            here, last = root, False
            for part in parts[len(prefix) :]:
                last = last or is_opaque(here)
                here = here / part
                try:
                    mode = here.lstat().st_mode
                except FileNotFoundError:
                    break
                except NotADirectoryError:
                    return
            else:
                try:
                    mode = here.lstat().st_mode
                except FileNotFoundError:
                    continue
                yield here
                last = last or not stat.S_ISDIR(mode) or is_opaque(here)
            if last:
                return
