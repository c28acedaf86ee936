"""Trees for tests: as values that hypothesis makes, and as files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from hypothesis import strategies as st

from alcove.sync.ignoring import IgnoreRules
from alcove.sync.manifest import Directory, Entry, File, Link, Manifest, with_parents
from alcove.sync.selection import Selection, make_selection

NAMES = st.sampled_from(["a", "b", "c", "a.b", "é", "Z"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
CONTENTS = st.sampled_from([b"", b"one", b"two", b"x" * 3000])


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def file_of(content: bytes, mode: int = 0o644) -> File:
    return File(digest_of(content), len(content), mode)


ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    st.builds(file_of, CONTENTS, st.sampled_from([0o644, 0o755])),
    st.builds(Link, st.sampled_from(["a", "../x", "/etc/passwd"])),
    st.builds(Directory, st.sampled_from([0o755, 0o700])),
)


def as_tree(entries: Mapping[str, Entry]) -> Manifest:
    """Make a tree of any entries: what is below a file or link is left out."""
    kept: dict[str, Entry] = {}
    for path in sorted(entries):
        parts = path.split("/")
        above = ["/".join(parts[:n]) for n in range(1, len(parts))]
        if all(isinstance(kept.get(one, Directory()), Directory) for one in above):
            kept[path] = entries[path]
    return Manifest(with_parents(kept))


MANIFESTS = st.dictionaries(PATHS, ENTRIES, max_size=12).map(as_tree)


def make_files(directory: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files; a path that ends with a slash is a directory."""
    for path, content in files.items():
        place = directory / path
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


def select(directory: Path, *extras: str, git: bool = False, ignore: tuple[str, ...] = ()) -> Selection:
    """Select one directory, with ``.dockerignore``."""
    return make_selection([(directory, IgnoreRules(git, ignore))], [directory / one for one in extras])
