"""What counts in each directory of a selection, when trees overlap and some paths count always."""

from __future__ import annotations

from dataclasses import dataclass

from alcove.sync import paths
from alcove.sync.ignoring import ALWAYS_IGNORED, Ignoring, Level
from alcove.sync.selection import Selection, open_ignoring


@dataclass(frozen=True, slots=True)
class _Ruled:
    """One tree as it sees a directory."""

    ignoring: Ignoring
    start: int
    """How many characters of a path are the tree's own."""
    level: Level


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds in a directory; a path counts when one tree says so."""

    ruled: tuple[_Ruled, ...]
    always: bool = False
    """Whether the directory counts with all that is in it."""

    @property
    def counts(self) -> bool:
        """Whether the directory itself counts; if not, something inside it may."""
        return self.always or any(one.level.ignored_by is None for one in self.ruled)


class Standings:
    """Answers for a selection, by the rules as they are on the disk when it is made."""

    def __init__(self, selection: Selection) -> None:
        """Read the rules at the top of each tree."""
        self._trees = [(one.directory, open_ignoring(selection, one)) for one in selection.trees]
        self._extras = frozenset(selection.extras)

    def of(self, directory: str) -> Standing | None:
        """Give what holds in a directory; nothing when it does not matter what is in it."""
        names = directory.split("/") if directory else []
        standing = self._with_trees(Standing((), "" in self._extras), "")
        at = ""
        for name in names:
            at = paths.join(at, name)
            standing = self._below(standing, at, name)
        return standing if standing.ruled or standing.always else None

    def enter(self, standing: Standing, path: str, name: str) -> Standing | None:
        """Give what holds in a directory inside another one; nothing when it needs no look."""
        inner = self._below(standing, path, name)
        return inner if inner.ruled or inner.always else None

    def counts(self, standing: Standing, path: str, name: str) -> bool:
        """Tell whether a file or link in a directory counts."""
        if name in ALWAYS_IGNORED:
            return False
        if standing.always or path in self._extras:
            return True
        for one in standing.ruled:  # it is asked for every file
            if one.ignoring.find_rule(one.level, path[one.start :], name) is None:
                return True
        return False

    def counts_at(self, path: str) -> bool:
        """Tell whether a file or link counts, wherever it is."""
        directory, _, name = path.rpartition("/")
        standing = self.of(directory)
        if standing is not None:
            return self.counts(standing, path, name)
        return path in self._extras and not ALWAYS_IGNORED.intersection(path.split("/"))

    def _below(self, standing: Standing, path: str, name: str) -> Standing:
        if name in ALWAYS_IGNORED:
            return Standing(())
        entered = (
            _Ruled(one.ignoring, one.start, one.ignoring.enter(one.level, path[one.start :]))
            for one in standing.ruled
        )
        inner = Standing(
            tuple(one for one in entered if one.level.is_open), standing.always or path in self._extras
        )
        return self._with_trees(inner, path)

    def _with_trees(self, standing: Standing, path: str) -> Standing:
        """Add the trees that begin at this directory."""
        begun = tuple(
            _Ruled(ignoring, len(path) + 1 if path else 0, ignoring.root)
            for directory, ignoring in self._trees
            if directory == path
        )
        return Standing(standing.ruled + begun, standing.always) if begun else standing
