"""What the sources of COPY name: files of the build's directory or of another image, as one tree each."""

from __future__ import annotations

import fnmatch
import hashlib
import posixpath
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pathspec

from alcove.embedded.images.merged import MergedTree, parts_of
from alcove.errors import AlcoveError

_WILD = frozenset("*?[")


class Ignored:
    """The rules of a ``.dockerignore``: paths from the build's directory, the last rule that fits counts."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        """Read the rules, one on each line; ValueError for one that is none."""
        patterns = [pattern for line in lines if (pattern := _anchored(line))]
        self._spec = pathspec.GitIgnoreSpec.from_lines(patterns)
        self._has_exceptions = any(pattern.startswith("!") for pattern in patterns)

    def hides(self, path: str) -> bool:
        """Tell whether the file at ``/path`` is left out."""
        return bool(self._spec.match_file(path.lstrip("/")))

    def hides_all(self, path: str) -> bool:
        """Tell whether nothing in the directory ``/path`` can be in: it need not be looked at."""
        return not self._has_exceptions and self.hides(path)


def _anchored(line: str) -> str:
    """Say in terms of .gitignore, where a name alone fits anywhere, that it fits at the top only."""
    text = line.strip()
    if not text or text.startswith("#"):
        return ""
    mark = "!" if text.startswith("!") else ""
    path = posixpath.normpath(text.removeprefix("!").strip()).lstrip("/")
    return f"{mark}/{path}" if path not in (".", "") else ""


@dataclass(frozen=True, slots=True)
class Piece:
    """One file, directory or link to be copied."""

    name: str
    """Its path below the destination; that of a file which was named itself is its own name."""
    path: Path | None
    content: bytes = b""
    """What is written when there is no ``path``."""
    inside: bool = False
    """It was found inside a directory that is copied."""
    keeps_owner: bool = False

    def digest(self) -> str:
        """Give what a copy of it depends on."""
        if self.path is None:
            return hashlib.sha256(self.content).hexdigest()
        status = self.path.lstat()
        owner = f"{status.st_uid}:{status.st_gid} " if self.keeps_owner else ""
        text = f"{owner}{status.st_mode:o} "
        if stat.S_ISLNK(status.st_mode):
            return text + str(self.path.readlink())
        if not stat.S_ISREG(status.st_mode):
            return text
        with self.path.open("rb") as file:
            return text + hashlib.file_digest(file, "sha256").hexdigest()


def gather(
    tree: MergedTree, pattern: str, ignored: Ignored | None, *, keeps_owner: bool = False
) -> list[Piece]:
    """Give the pieces that one source of COPY names, in order; a directory's are what is in it.

    Raises:
        AlcoveError: nothing is there.
    """
    if posixpath.normpath(pattern).startswith(".."):
        raise AlcoveError(f"{pattern} lies outside of the build's directory")
    found = False
    pieces: list[Piece] = []
    walk = _Walk(tree, ignored or Ignored(), keeps_owner)
    for path in _matches(tree, parts_of(pattern)):
        resolved, real = tree.locate(path)
        if real is None or (not _is_directory(real) and walk.ignored.hides(path)):
            continue
        found = True
        if _is_directory(real):
            pieces += walk.inside(resolved, "")
        else:
            pieces.append(Piece(posixpath.basename(path), real, keeps_owner=keeps_owner))
    if not found:
        raise AlcoveError(f"{pattern} is not there, or .dockerignore leaves it out")
    return pieces


def _is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _matches(tree: MergedTree, parts: tuple[str, ...]) -> list[str]:
    paths = ["/"]
    for part in parts:
        if not _WILD & set(part):
            paths = [posixpath.join(path, part) for path in paths]
            continue
        paths = [
            posixpath.join(path, name)
            for path in paths
            for name in tree.children(tree.locate(path)[0])
            if fnmatch.fnmatchcase(name, part)
        ]
    return paths


@dataclass(frozen=True, slots=True)
class _Walk:
    tree: MergedTree
    ignored: Ignored
    keeps_owner: bool

    def inside(self, directory: str, below: str) -> Iterator[Piece]:
        for name, path in self.tree.children(directory).items():
            full, relative = posixpath.join(directory, name), posixpath.join(below, name)
            piece = Piece(relative, path, inside=True, keeps_owner=self.keeps_owner)
            if not _is_directory(path):
                if not self.ignored.hides(full):
                    yield piece
            elif not self.ignored.hides_all(full):
                inner = list(self.inside(full, relative))
                if inner or not self.ignored.hides(full):
                    yield piece
                    yield from inner
