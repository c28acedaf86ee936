"""From the workstation's files to a manifest: all of them once, then only what changed."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from alcove.sync import paths
from alcove.sync.errors import Problem
from alcove.sync.hashing import Stamp, stamp_of
from alcove.sync.ignoring import GIT_FILE
from alcove.sync.looking import Known, Look, Progress, parents_of
from alcove.sync.manifest import EMPTY, Changes, Directory, Entry, Manifest, with_changes
from alcove.sync.selection import Selection, rule_files
from alcove.sync.standing import Standings


@dataclass(frozen=True, slots=True)
class Scan:
    """The workstation's tree as it was seen."""

    manifest: Manifest = EMPTY
    problems: tuple[Problem, ...] = ()
    """What is missing in the manifest although nobody ignores it, and why."""
    stamps: Mapping[str, Stamp] = field(default_factory=dict)
    """What the system said of everything that was walked: files, links and directories."""
    seen_ns: int = 0
    """When the scan began, by the system's clock."""
    directories: frozenset[str] = frozenset()
    """What was walked; the same object while it stays the same."""

    @property
    def known(self) -> Known:
        """What the next look needs not read again."""
        return Known(self.manifest.entries, self.stamps, self.seen_ns)


@dataclass(frozen=True, slots=True)
class Rescan:
    """What a look at some paths gave."""

    scan: Scan
    changes: Changes
    again: frozenset[str] = frozenset()
    """Paths that were changing while they were read: look at them again soon."""


def scan(
    selection: Selection,
    known: Known | None = None,
    *,
    tell: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], int] = time.time_ns,
) -> Scan:
    """Look at everything; it blocks, so call it in a thread. What ``tell`` raises ends it."""
    seen_ns = clock()
    look = Look(selection, known or Known(), tell, first=True)
    look.everything()
    entries = {path: one for path, one in look.entries.items() if one is not None}
    stamps = {path: one for path, one in look.stamps.items() if one is not None}
    for path in list(entries):
        _add_parents(selection, path, entries, stamps)
    manifest = Manifest(entries)
    directories = frozenset(path for path, one in stamps.items() if stat.S_ISDIR(one.mode))
    return Scan(manifest, _problems(look.problems, manifest), stamps, seen_ns, directories)


def update_manifest(
    before: Scan, selection: Selection, changed: Iterable[str], *, whole: Iterable[str] = ()
) -> Rescan:
    """Look at paths again, and at all below those of ``whole``; the cost is that of what is looked at.

    A path of ``changed`` that is a directory is listed: what is new in it is walked. Files that hold rules
    bring the directory that they are about with them.
    """
    look = Look(selection, before.known, lambda _: None)
    deep = set(whole)
    rules = rule_files(selection)
    shallow = {path for path in changed if path not in deep}
    for path in sorted(shallow):
        if path.rpartition("/")[2] == GIT_FILE or path in rules:
            deep.update(_ruled_directories(selection, path))
    for path in sorted(deep):
        look.at(path, deeply=True)
    for path in sorted(shallow):
        look.at(path, surely=True)
    return _conclude(before, selection, look)


def _ruled_directories(selection: Selection, path: str) -> list[str]:
    """Give the directories about which a file with rules says something."""
    directory = paths.parent_of(path)
    return [
        directory,
        *(one.directory for one in selection.trees if paths.is_below(one.directory, directory)),
    ]


def _conclude(before: Scan, selection: Selection, look: Look) -> Rescan:
    old = before.manifest.entries
    stamps = {**before.stamps, **{path: one for path, one in look.stamps.items() if one is not None}}
    for path, one in look.stamps.items():
        if one is None:
            stamps.pop(path, None)
    found = dict(look.entries)
    _complete(before, selection, found, stamps)
    written = {path: one for path, one in found.items() if one is not None and old.get(path) != one}
    removed = [path for path, one in found.items() if path in old and (one is None or _turns(old[path], one))]
    changes = Changes(dict(sorted(written.items())), tuple(sorted(removed, reverse=True)))
    manifest = with_changes(before.manifest, changes)
    problems = {one.path: one.reason for one in before.problems if not _is_looked_at(one.path, look)}
    problems |= look.problems
    directories = _walked(before.directories, look)
    scan = Scan(manifest, _problems(problems, manifest), stamps, before.seen_ns, directories)
    return Rescan(scan, changes, frozenset(look.changing))


def _walked(before: frozenset[str], look: Look) -> frozenset[str]:
    found = {path for path, one in look.stamps.items() if one is not None and stat.S_ISDIR(one.mode)}
    gone = before.intersection(look.stamps) - found
    return (before | found) - gone if gone or not found <= before else before


def _is_looked_at(path: str, look: Look) -> bool:
    """Tell whether a look says anew what is wrong with a path, if something is."""
    if path in look.stamps or path in look.listed or paths.parent_of(path) in look.listed:
        return True
    return any(one in look.stamps and look.stamps[one] is None for one in parents_of(path))


def _turns(before: Entry, after: Entry) -> bool:
    return isinstance(before, Directory) != isinstance(after, Directory)


def _complete(
    before: Scan, selection: Selection, found: dict[str, Entry | None], stamps: dict[str, Stamp]
) -> None:
    """Let directories count that lead to something, and ignored ones no more when they hold nothing."""
    old = before.manifest.entries
    added: dict[str, Entry] = {}
    for path, one in found.items():
        if one is not None:
            for parent in parents_of(path):
                if parent in added or (found[parent] if parent in found else old.get(parent)) is not None:
                    continue
                added[parent] = _lead(selection, parent, stamps)
    found.update(added)
    for path, one in list(found.items()):
        if one is None and path and path in stamps and _holds(path, old, found):
            found[path] = _lead(selection, path, stamps)
    standings: Standings | None = None
    gone = sorted(
        {p for path, one in found.items() if one is None and path in old for p in parents_of(path)},
        reverse=True,
    )
    for parent in gone:
        if parent not in old or (parent in found and found[parent] is None):
            continue
        standings = standings or Standings(selection)
        standing = standings.of(parent)
        if (standing is None or not standing.counts) and not _holds(parent, old, found):
            found[parent] = None


def _holds(directory: str, old: Mapping[str, Entry], found: Mapping[str, Entry | None]) -> bool:
    prefix = directory + "/"
    if any(path.startswith(prefix) and one is not None for path, one in found.items()):
        return True
    return any(path.startswith(prefix) and path not in found for path in old)


def _add_parents(
    selection: Selection, path: str, entries: dict[str, Entry], stamps: dict[str, Stamp]
) -> None:
    for parent in parents_of(path):
        if parent in entries:
            return
        entries[parent] = _lead(selection, parent, stamps)


def _lead(selection: Selection, directory: str, stamps: dict[str, Stamp]) -> Directory:
    """Give the entry of a directory that only leads to something."""
    if os.name != "posix":
        return Directory()
    stamp = stamps.get(directory)
    if stamp is None:
        try:
            stamp = stamp_of(os.lstat(selection.absolute(directory)))
        except OSError:
            return Directory()
    return Directory(stat.S_IMODE(stamp.mode) & 0o777)


def _problems(reasons: Mapping[str, str], manifest: Manifest) -> tuple[Problem, ...]:
    found = [Problem(path, reason) for path, reason in sorted(reasons.items())]
    if sys.platform in ("win32", "darwin"):
        found += find_case_problems(manifest.entries)
    return tuple(found)


def find_case_problems(entries: Iterable[str]) -> list[Problem]:
    """Tell of paths that would be one file on a system that does not tell case apart."""
    clashes = paths.find_case_clashes(list(entries))
    return [Problem(one[0], f"it differs from {one[1]} in case only") for one in clashes]
