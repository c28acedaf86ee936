"""Looks at files of the workstation and notes what is there: the part of scanning that touches the disk.

Whoever scans says where to look. What was known before saves reading: a file whose stamp is as it was keeps
its digest, unless it was written so shortly before it was looked at that a later write could bear its time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from alcove.sync import hashing, paths
from alcove.sync.hashing import Stamp
from alcove.sync.manifest import Directory, Entry, File, Link
from alcove.sync.selection import Selection
from alcove.sync.standing import Standing, Standings

RACY_NS = 2_000_000_000
"""The coarsest time that a file system keeps."""

_KINDS = {
    stat.S_IFIFO: "it is a named pipe",
    stat.S_IFSOCK: "it is a socket",
    stat.S_IFCHR: "it is a device",
    stat.S_IFBLK: "it is a device",
}
_POSIX = os.name == "posix"


@dataclass(frozen=True, slots=True)
class Known:
    """What was seen before."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    stamps: Mapping[str, Stamp] = field(default_factory=dict)
    seen_ns: int = 0
    """When, by the clock of the files' times."""

    def file_at(self, path: str, stamp: Stamp) -> File | None:
        """Give what a file holds, if it has surely not changed."""
        if self.stamps.get(path) != stamp or stamp.mtime_ns >= self.seen_ns - RACY_NS:
            return None
        entry = self.entries.get(path)
        return entry if type(entry) is File else None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scan is."""

    files: int = 0
    hashed: int = 0
    hashed_bytes: int = 0


class Look:
    """What one look found: entries, stamps and problems by path; None for what does not count or is gone."""

    def __init__(
        self, selection: Selection, known: Known, tell: Callable[[Progress], None], *, first: bool = False
    ) -> None:
        """Read the rules as they are now; ``tell`` is called after every directory.

        The ``first`` look notes nothing about what is gone.
        """
        self.entries: dict[str, Entry | None] = {}
        self.stamps: dict[str, Stamp | None] = {}
        self.problems: dict[str, str] = {}
        self.changing: set[str] = set()
        self.listed: set[str] = set()
        self._files = self._hashed = self._hashed_bytes = 0
        self._selection = selection
        self._places = (*(one.directory for one in selection.trees), *selection.extras)
        self._known = known
        self._first = first
        self._tell = tell
        self._standings = Standings(selection)

    def everything(self) -> None:
        """Walk all trees, and look at what always counts."""
        for place in self._places:
            self.at(place, deeply=True)

    def at(self, path: str, *, deeply: bool = False, surely: bool = False) -> None:
        """Look at a path; a known directory is only listed unless ``deeply``; ``surely`` reads files anew."""
        self._look(path, deeply=deeply, surely=surely)
        for place in self._places:
            if place != path and paths.is_below(place, path):
                is_forgotten = self.entries.get(place, self) is None
                self._look(place, deeply=deeply or is_forgotten, surely=False)

    def _look(self, path: str, *, deeply: bool, surely: bool) -> None:
        if path in self.listed:
            return
        status = self._ask(path)
        if status is None:
            self._forget(path)
            return
        if not self._is_sound(path, path.rpartition("/")[2]):
            return
        if stat.S_ISDIR(status.st_mode):
            standing = self._standings.of(path)
            if standing is None:
                self._forget(path)
            else:
                self._walk(path, hashing.stamp_of(status), standing, deeply=deeply)
        elif self._standings.counts_at(path):
            self._note(path, status, surely=surely)
        else:
            self._forget(path)

    def _ask(self, path: str) -> os.stat_result | None:
        """Give what is at a path; what is reached through a link is not there."""
        try:
            for parent in parents_of(path):
                if not stat.S_ISDIR(os.lstat(self._selection.absolute(parent)).st_mode):
                    return None
            return os.lstat(self._selection.absolute(path))
        except (OSError, ValueError):
            return None

    # -- directories

    def _walk(self, path: str, stamp: Stamp, standing: Standing, *, deeply: bool) -> None:
        waiting = [(path, stamp, standing)]
        while waiting:
            directory, stamp, standing = waiting.pop()
            if directory in self.listed:
                continue
            self.listed.add(directory)
            if directory and standing.counts:
                self._set(directory, Directory(_directory_mode(stamp.mode)), stamp)
            else:
                self._set(directory, None, stamp)
            for inner, inner_stamp, inner_standing in self._list(directory, standing):
                if deeply or self._is_other(inner, inner_stamp):
                    waiting.append((inner, inner_stamp, inner_standing))
            self._tell(Progress(self._files, self._hashed, self._hashed_bytes))

    def _is_other(self, directory: str, stamp: Stamp) -> bool:
        """Tell whether a directory is not the one that was here before."""
        known = self._known.stamps.get(directory)
        return known is None or known.inode != stamp.inode or not stat.S_ISDIR(known.mode)

    def _list(self, directory: str, standing: Standing) -> list[tuple[str, Stamp, Standing]]:
        """Note the files of a directory; give the directories in it that are worth a look."""
        prefix = directory + "/" if directory else ""
        inner: list[tuple[str, Stamp, Standing]] = []
        seen: set[str] = set()
        try:
            with os.scandir(self._selection.absolute(directory)) as found:
                listed = list(found)
        except OSError as error:
            self.problems[directory] = f"it cannot be listed: {error.strerror}"
            return []
        for one in listed:
            path = prefix + one.name
            if one.is_dir(follow_symlinks=False):
                entered = self._standings.enter(standing, path, one.name)
                if entered is not None and self._is_sound(path, one.name) and (status := _stat(one)):
                    seen.add(path)
                    inner.append((path, hashing.stamp_of(status), entered))
            elif (
                self._standings.counts(standing, path, one.name)
                and self._is_sound(path, one.name)
                and (status := _stat(one))
            ):
                seen.add(path)
                self._note(path, status, surely=False)
        for name in self._known_names.get(directory, ()):
            path = prefix + name
            if path not in seen:
                self._forget(path)
        return inner

    # -- files

    def _note(self, path: str, status: os.stat_result, *, surely: bool) -> None:
        if type(self._known.entries.get(path)) is Directory:
            self._forget(path)
        if stat.S_ISREG(status.st_mode):
            self._files += 1
            stamp = hashing.stamp_of(status)
            known = None if surely else self._known.file_at(path, stamp)
            if known is None:
                self._hash(path)
            else:
                self._set(path, known, stamp)
        elif stat.S_ISLNK(status.st_mode):
            self._note_link(path, hashing.stamp_of(status))
        else:
            self._refuse(path, _KINDS.get(stat.S_IFMT(status.st_mode), "it is no regular file"))

    def _hash(self, path: str) -> None:
        try:
            digest, stamp, is_script = hashing.hash_file(self._selection.absolute(path))
        except hashing.ChangingError:
            self.changing.add(path)
            self.problems[path] = "it changes while it is read"
        except OSError as error:
            self._refuse(path, f"it cannot be read: {error.strerror}")
        else:
            mode = stat.S_IMODE(stamp.mode) & 0o777 if _POSIX else (0o755 if is_script else 0o644)
            self._set(path, File(digest, stamp.size, mode), stamp)
            self._hashed += 1
            self._hashed_bytes += stamp.size

    def _note_link(self, path: str, stamp: Stamp) -> None:
        try:
            target = str(Path(self._selection.absolute(path)).readlink())
            target.encode()
        except OSError as error:
            self._refuse(path, f"it cannot be read: {error.strerror}")
        except UnicodeEncodeError:
            self._refuse(path, "what it points to is no valid UTF-8")
        else:
            self._set(path, Link(target if _POSIX else target.replace("\\", "/")), stamp)

    # -- notes

    def _set(self, path: str, entry: Entry | None, stamp: Stamp) -> None:
        self.entries[path] = entry
        self.stamps[path] = stamp

    def _refuse(self, path: str, reason: str) -> None:
        self._forget(path)
        self.problems[path] = reason

    def _forget(self, path: str) -> None:
        """Note that nothing counts here, nor below."""
        gone = [path]
        while gone:
            one = gone.pop()
            self.entries[one] = self.stamps[one] = None
            self.listed.discard(one)
            gone += [paths.join(one, name) for name in self._known_names.get(one, ())]

    def _is_sound(self, path: str, name: str) -> bool:
        if (paths.is_plain(name) and len(path) <= paths.LONGEST_NAME) or paths.is_sound(path):
            return True
        if path:
            shown = path.encode("utf-8", "backslashreplace").decode()
            self.problems[shown] = paths.find_fault(path)
        return not path

    @cached_property
    def _known_names(self) -> Mapping[str, list[str]]:
        """What each directory held."""
        names: dict[str, list[str]] = {}
        if self._first:
            return names
        for path in {*self._known.entries, *self._known.stamps}:
            if path:
                directory, _, name = path.rpartition("/")
                names.setdefault(directory, []).append(name)
        return names


def _stat(one: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return one.stat(follow_symlinks=False)
    except OSError:
        return None


def _directory_mode(mode: int) -> int:
    return stat.S_IMODE(mode) & 0o777 if _POSIX else 0o755


def parents_of(path: str) -> Iterator[str]:
    """Give the directories above a path, the nearest first, without the top."""
    while path := path.rpartition("/")[0]:
        yield path
