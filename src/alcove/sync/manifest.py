"""What a file tree is: entries by path, an id that names the content, and what turns one tree into another.

Every entry's directory is an entry too, so a tree can be made in the order of its paths. The id is a hash of
a sum over the entries: after a save it costs what changed and not the tree, and both sides can compare it.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from alcove.sync import paths
from alcove.sync.errors import SyncError

_SUM_BYTES = 256
"""A sum of 2048 bits: nobody can find two trees of one sum, which shorter sums would allow."""

_MODULUS = 1 << 8 * _SUM_BYTES


@dataclass(frozen=True, slots=True)
class File:
    """A regular file."""

    digest: str
    """SHA-256 of its content, in hexadecimal."""
    size: int
    mode: int = 0o644
    """Permission bits."""


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link, which nobody here ever follows."""

    target: str


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory, empty or not."""

    mode: int = 0o755


Entry = File | Link | Directory


class Manifest:
    """The entries of a tree by path; equal trees have equal ids."""

    __slots__ = ("__weakref__", "_origin", "_sum", "entries")

    def __init__(
        self, entries: Mapping[str, Entry], *, total: int | None = None, origin: Origin | None = None
    ) -> None:
        """Take entries that ``check_entries`` accepts.

        Args:
            entries: what is in the tree.
            total: their sum, where it is known.
            origin: what the tree was made of, where it is known.
        """
        self.entries = entries
        self._sum = total
        self._origin = origin

    @property
    def total(self) -> int:
        """The sum of which the id is the hash."""
        if self._sum is None:
            self._sum = _sum(self.entries.items())
        return self._sum

    @property
    def id(self) -> str:
        """The name of exactly this tree: 64 hexadecimal digits."""
        return hashlib.sha256(self.total.to_bytes(_SUM_BYTES, "big")).hexdigest()

    @property
    def digests(self) -> dict[str, int]:
        """The contents that the tree needs, with their sizes."""
        return {one.digest: one.size for one in self.entries.values() if type(one) is File}

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.entries.values() if type(one) is File)

    def paths_since(self, before: Manifest) -> set[str] | None:
        """Give the paths that may differ from a tree that this one was made of; None when it is not known."""
        found: set[str] = set()
        current = self
        while current is not before:
            base = current._origin.base() if current._origin else None
            if base is None or current._origin is None:
                return None
            found.update(current._origin.paths)
            current = base
        return found

    def below(self, prefix: str) -> Manifest:
        """Give the tree inside a directory, by paths relative to it."""
        if not prefix:
            return self
        start = prefix + "/"
        inside = {p[len(start) :]: one for p, one in self.entries.items() if p.startswith(start)}
        return Manifest(inside)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Manifest):
            return False
        if self._sum is not None and other._sum is not None:
            return self._sum == other._sum
        return self.entries == other.entries

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"Manifest({len(self.entries)} entries, {self.id[:12]})"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a tree was made of: so the difference of two trees of a row of saves costs what they changed."""

    base: weakref.ref[Manifest]
    paths: tuple[str, ...]


EMPTY = Manifest({})


@dataclass(frozen=True, slots=True)
class Changes:
    """What turns one tree into another: first the removals, in their order, then what is written, in its."""

    written: Mapping[str, Entry] = field(default_factory=dict)
    """Directories before what is in them."""
    removed: tuple[str, ...] = ()
    """Deepest first. A path that was a directory and is none any more, or the other way round, is here and
    among the written."""

    def __bool__(self) -> bool:
        return bool(self.written or self.removed)

    @property
    def paths(self) -> tuple[str, ...]:
        """What differs, each path once."""
        return tuple(sorted({*self.written, *self.removed}))

    @property
    def digests(self) -> dict[str, int]:
        """The contents that are needed, with their sizes."""
        return {one.digest: one.size for one in self.written.values() if type(one) is File}


def diff(before: Manifest, after: Manifest) -> Changes:
    """Give what turns ``before`` into ``after``."""
    old, new = before.entries, after.entries
    touched = after.paths_since(before)
    if touched is not None:
        written = {path: new[path] for path in touched if path in new and old.get(path) != new[path]}
        removed = [path for path in touched if path in old and path not in new]
    else:
        # Nearly all entries are the very same objects, and comparing others is ten times as slow.
        written = {path: one for path, one in new.items() if (was := old.get(path)) is not one and was != one}
        added = sum(path not in old for path in written)
        removed = [path for path in old if path not in new] if len(old) + added != len(new) else []
    removed += [path for path, one in written.items() if path in old and _turns(old[path], one)]
    return Changes(dict(sorted(written.items())), tuple(sorted(removed, reverse=True)))


def _turns(before: Entry, after: Entry) -> bool:
    return isinstance(before, Directory) != isinstance(after, Directory)


def with_changes(manifest: Manifest, changes: Changes) -> Manifest:
    """Give the changed tree; the cost is that of the changes.

    Raises:
        SyncError: the result is no tree, so the changes are for another manifest.
    """
    entries = dict(manifest.entries)
    gone = [(path, entries.pop(path)) for path in changes.removed if path in entries]
    gone += [(path, entries[path]) for path in changes.written if path in entries]
    entries.update(changes.written)
    _check_parents(entries, changes.written)
    if any(type(one) is Directory and type(entries.get(path)) is not Directory for path, one in gone):
        _check_parents(entries, entries)
    total = (manifest.total - _sum(gone) + _sum(changes.written.items())) % _MODULUS
    return Manifest(entries, total=total, origin=Origin(weakref.ref(manifest), changes.paths))


def check_entries(entries: Mapping[str, Entry]) -> None:
    """Find out that entries are a tree of sound paths.

    Raises:
        SyncError: they are not.
    """
    for path in entries:
        if not paths.is_sound(path):
            raise SyncError(f"a manifest may not hold {path[:200]!r}", cause=paths.find_fault(path))
    _check_parents(entries, entries)


def _check_parents(entries: Mapping[str, Entry], which: Iterable[str]) -> None:
    for path in which:
        parent = path.rpartition("/")[0]
        if parent and type(entries.get(parent)) is not Directory:
            raise SyncError(f"{path[:200]!r} is in no directory of the tree")


def with_parents(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Give the entries in order, with every directory that leads to one."""
    made: dict[str, Entry] = {}
    for path in entries:
        for parent in _parents(path):
            if parent in made:
                break
            made[parent] = Directory()
    return dict(sorted({**made, **entries}.items()))


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _sum(entries: Iterable[tuple[str, Entry]]) -> int:
    return sum(_weight(path, entry) for path, entry in entries) % _MODULUS


def _weight(path: str, entry: Entry) -> int:
    if isinstance(entry, File):
        text = f"f\0{path}\0{entry.digest}\0{entry.size}\0{entry.mode}"
    elif isinstance(entry, Link):
        text = f"l\0{path}\0{entry.target}"
    else:
        text = f"d\0{path}\0{entry.mode}"
    return int.from_bytes(hashlib.shake_128(text.encode()).digest(_SUM_BYTES), "big")
