"""Trees made of a manifest and a store: as files in a directory, or as a tar stream."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

from alcove.sync.errors import SyncError
from alcove.sync.manifest import Directory, File, Link, Manifest
from alcove.sync.store import Store

_PADDING = 512


def write_tree(manifest: Manifest, store: Store, prefix: str, directory: Path) -> None:
    """Write what a manifest holds below ``prefix`` into a directory; what else is there stays.

    A link that is in the way is replaced, never followed; so nothing is written outside.

    Raises:
        SyncError: it cannot be written.
        MissingBlobError: the store lacks a content; what was written so far stays.
    """
    entries = manifest.below(prefix).entries
    modes: list[tuple[Path, int]] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, entry in sorted(entries.items()):
            place = directory / path
            if isinstance(entry, Directory):
                _make_directory(place)
                modes.append((place, entry.mode))
            elif isinstance(entry, Link):
                _make_way(place)
                place.symlink_to(entry.target)
            else:
                _make_way(place)
                _write_file(place, entry, store)
        for place, mode in reversed(modes):
            place.chmod(mode)
    except OSError as error:
        raise SyncError(
            f"cannot write {error.filename or directory}", cause=error.strerror or str(error)
        ) from error


def _make_directory(place: Path) -> None:
    if not _is_directory(place):
        place.unlink(missing_ok=True)
        place.mkdir()
    elif os.name == "posix":
        place.chmod(0o700)


def _make_way(place: Path) -> None:
    if _is_directory(place):
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _is_directory(place: Path) -> bool:
    try:
        return stat.S_ISDIR(place.lstat().st_mode)
    except FileNotFoundError:
        return False


def _write_file(place: Path, entry: File, store: Store) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        for chunk in store.chunks(entry.digest):
            stream.write(chunk)
    place.chmod(entry.mode)


def tar_tree(manifest: Manifest, store: Store, prefix: str) -> Iterator[bytes]:
    """Give what a manifest holds below ``prefix`` as a tar stream: the same bytes for the same tree.

    Everything belongs to root and is of the first second of 1970; names that do not fit get PAX headers.

    Raises:
        MissingBlobError: the store lacks a content.
    """
    for path, entry in sorted(manifest.below(prefix).entries.items()):
        member = tarfile.TarInfo(path)
        if isinstance(entry, Directory):
            member.type, member.mode = tarfile.DIRTYPE, entry.mode
        elif isinstance(entry, Link):
            member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, entry.target
        else:
            member.mode, member.size = entry.mode, entry.size
        yield member.tobuf(tarfile.PAX_FORMAT)
        if isinstance(entry, File):
            yield from _content(store, entry)
    yield bytes(2 * _PADDING)


def _content(store: Store, entry: File) -> Iterator[bytes]:
    size = 0
    for chunk in store.chunks(entry.digest):
        size += len(chunk)
        yield chunk
    if size != entry.size:
        raise SyncError(f"a manifest says {entry.size} bytes of a content that has {size}")
    yield bytes(-size % _PADDING)
