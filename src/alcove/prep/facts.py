"""What is known of a source folder, and what somebody wishes for it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Facts:
    """The names of a folder's files, and the contents of the small ones among them.

    Paths are relative to the folder and have slashes. What tools leave behind (``node_modules``,
    ``target``...) is not there.
    """

    name: str
    """The folder's own name."""
    files: frozenset[str] = frozenset()
    texts: Mapping[str, str] = field(default_factory=dict)

    def text(self, path: str) -> str:
        """Give a file's content; nothing for one that is missing, large or no text."""
        return self.texts.get(path, "")

    def has(self, *paths: str) -> bool:
        """Tell whether one of these is there."""
        return any(path in self.files for path in paths)

    def first(self, *paths: str) -> str:
        """Give the first of these that is there, else nothing."""
        return next((path for path in paths if path in self.files), "")

    def below(self, pattern: str, *, deep: int = 0) -> list[str]:
        """Give the files whose name matches the expression, at most ``deep`` directories down.

        Those nearest to the top come first.
        """
        name = re.compile(pattern, re.IGNORECASE)
        found = [
            path
            for path in self.files
            if path.count("/") <= deep and name.fullmatch(posixpath.basename(path))
        ]
        return sorted(found, key=lambda path: (path.count("/"), path))

    def search(self, expression: str, paths: list[str]) -> Iterator[tuple[str, re.Match[str]]]:
        """Yield each place in these files, in their order, that the expression finds."""
        compiled = re.compile(expression, re.MULTILINE)
        for path in paths:
            for found in compiled.finditer(self.text(path)):
                yield path, found


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for."""

    ingress: bool = False
    """Have a public URL."""
    chart: str = ""
    """A chart to use instead of one that is generated: its path from the folder, with slashes."""
