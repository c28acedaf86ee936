"""Which events are worth a look: those about paths that count, or that were known.

What editors do on a save passes here: files that live for a moment are not there any more when they are
looked at; a known file that is away or empty is probably being written, so its batch is to be held back.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alcove.sync import paths
from alcove.sync.hashing import Stamp
from alcove.sync.ignoring import ALWAYS_IGNORED, GIT_FILE
from alcove.sync.selection import Selection, rule_files
from alcove.sync.standing import Standing, Standings

CREATED, CHANGED, REMOVED = 1, 2, 3
"""What an event says of a path."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """What is left of some events."""

    changed: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    """Directories that came, with all that is in them."""
    unwatched: frozenset[str] = frozenset()
    """Directories that are not (any more) those that were watched under their paths."""
    is_unfinished: bool = False
    """Whether a known file is away or empty."""

    def joined(self, other: Sifted) -> Sifted:
        """Give both together."""
        return Sifted(
            self.changed | other.changed,
            self.whole | other.whole,
            self.unwatched | other.unwatched,
            self.is_unfinished or other.is_unfinished,
        )


class Sieve:
    """Sifts events of one selection; rules are read again when a file that holds some has changed."""

    def __init__(self, selection: Selection) -> None:
        """Begin with the rules as they are."""
        self._selection = selection
        self._rule_files = rule_files(selection)
        self._renew()

    def _renew(self) -> None:
        self._standings = Standings(self._selection)
        self._cache: dict[str, Standing | None] = {}

    def sift(self, events: Iterable[tuple[int, str]], known: Mapping[str, Stamp]) -> Sifted:
        """Give what is worth a look; ``events`` name paths relative to the selection's root."""
        listed = list(events)
        if any(self._holds_rules(path) for _, path in listed):
            self._renew()
        changed: set[str] = set()
        whole: set[str] = set()
        unwatched: set[str] = set()
        is_unfinished = False
        for kind, path in listed:
            status = self._ask(path)
            stamp = known.get(path)
            if status is not None and stat.S_ISDIR(status.st_mode):
                if self._enters(path):
                    (changed if kind == CHANGED and stamp else whole).add(path)
                    unwatched |= {path} if kind != CHANGED else set()
            elif stamp is not None or (status is not None and self._counts(path)):
                changed.add(path)
                if stamp is not None and stat.S_ISDIR(stamp.mode):
                    unwatched.add(path)
                elif stamp is not None and stamp.size and (status is None or not status.st_size):
                    is_unfinished = True
        return Sifted(frozenset(changed - whole), frozenset(whole), frozenset(unwatched), is_unfinished)

    def _holds_rules(self, path: str) -> bool:
        return path.rpartition("/")[2] == GIT_FILE or path in self._rule_files

    def _ask(self, path: str) -> os.stat_result | None:
        try:
            return os.lstat(self._selection.absolute(path))
        except (OSError, ValueError):
            return None

    def _of(self, directory: str) -> Standing | None:
        if directory not in self._cache:
            self._cache[directory] = self._standings.of(directory)
        return self._cache[directory]

    def _enters(self, path: str) -> bool:
        if ALWAYS_IGNORED.intersection(path.split("/")):
            return False
        parent = self._of(paths.parent_of(path))
        if parent is not None and path:
            return self._standings.enter(parent, path, path.rpartition("/")[2]) is not None
        return self._of(path) is not None or self._selection.leads_to(path)

    def _counts(self, path: str) -> bool:
        parent = self._of(paths.parent_of(path))
        if parent is None:
            return self._standings.counts_at(path)
        return self._standings.counts(parent, path, path.rpartition("/")[2])
