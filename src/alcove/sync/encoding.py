"""Manifests and changes as bytes: MessagePack in zlib, bounded and checked when it is read.

::

    "ALCm1" zlib([[path, digest, target, size, mode] ...])
    "ALCc1" zlib([[row ...], [removed path ...]])

A file has a digest (32 bytes), a link a target; a directory has neither.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from alcove.sync import paths
from alcove.sync.errors import SyncError
from alcove.sync.manifest import Changes, Directory, Entry, File, Link, Manifest, check_entries

LARGEST_ENCODED = 128 << 20
"""Bytes, before and after decompression: a million files."""

LARGEST_FILE = 1 << 44

_Row = tuple[str, bytes, str, int, int]
_Decoded = TypeVar("_Decoded")

_MANIFEST, _CHANGES = b"ALCm1", b"ALCc1"


def encode_manifest(manifest: Manifest) -> bytes:
    """Give the bytes of a manifest."""
    return _MANIFEST + zlib.compress(msgspec.msgpack.encode(_rows(manifest.entries)), 1)


def decode_manifest(encoded: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        SyncError: it is damaged, too large, or names a path that no tree may hold.
    """
    manifest = Manifest(_entries(_decode(encoded, _MANIFEST, list[_Row])))
    check_entries(manifest.entries)
    return manifest


def encode_changes(changes: Changes) -> bytes:
    """Give the bytes of changes."""
    content = (_rows(changes.written), changes.removed)
    return _CHANGES + zlib.compress(msgspec.msgpack.encode(content), 1)


def decode_changes(encoded: bytes) -> Changes:
    """Read changes; whether they fit a manifest is what ``with_changes`` finds out.

    Raises:
        SyncError: they are damaged, too large, or name a path that no tree may hold.
    """
    rows, removed = _decode(encoded, _CHANGES, tuple[list[_Row], tuple[str, ...]])
    written = _entries(rows)
    for path in (*written, *removed):
        if not paths.is_sound(path):
            raise SyncError(f"a tree may not hold {path[:200]!r}", cause=paths.find_fault(path))
    return Changes(dict(sorted(written.items())), tuple(sorted(set(removed), reverse=True)))


def inflate(content: bytes, limit: int) -> bytes:
    """Decompress one whole zlib stream of at most ``limit`` bytes.

    Raises:
        SyncError: it is damaged, cut off, followed by something, or larger.
    """
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(content, limit + 1)
    except zlib.error as error:
        raise SyncError("compressed bytes are damaged", cause=str(error)) from error
    if len(raw) > limit:
        raise SyncError(f"compressed bytes are more than {limit} when decompressed")
    if not stream.eof or stream.unused_data:
        raise SyncError("compressed bytes are cut off, or followed by others")
    return raw


def _rows(entries: Mapping[str, Entry]) -> list[_Row]:
    return [_row(path, entry) for path, entry in entries.items()]


def _row(path: str, entry: Entry) -> _Row:
    if isinstance(entry, File):
        return path, bytes.fromhex(entry.digest), "", entry.size, entry.mode
    if isinstance(entry, Link):
        return path, b"", entry.target, 0, 0
    return path, b"", "", 0, entry.mode


def _decode(encoded: bytes, kind: bytes, shape: type[_Decoded]) -> _Decoded:
    if not encoded.startswith(kind):
        raise SyncError("these bytes are no manifest or changes that this version reads")
    if len(encoded) > LARGEST_ENCODED:
        raise SyncError(f"a manifest of {len(encoded)} bytes is too large")
    raw = inflate(encoded[len(kind) :], LARGEST_ENCODED)
    try:
        return msgspec.msgpack.decode(raw, type=shape)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SyncError("a manifest is damaged", cause=str(error)) from error


def _entries(rows: Iterable[_Row]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for path, digest, target, size, mode in rows:
        if path in entries:
            raise SyncError(f"a manifest holds {path[:200]!r} twice")
        is_possible = len(digest) == 32 or (not digest and not size)
        if not is_possible or not 0 <= size <= LARGEST_FILE or not 0 <= mode <= 0o777:
            raise SyncError(f"a manifest says impossible things of {path[:200]!r}")
        if target and (digest or mode or "\0" in target or len(target.encode()) > paths.LONGEST_PATH):
            raise SyncError(f"a manifest holds a link that cannot be: {path[:200]!r}")
        entries[path] = _entry(digest, target, size, mode)
    return entries


def _entry(digest: bytes, target: str, size: int, mode: int) -> Entry:
    if digest:
        return File(digest.hex(), size, mode)
    return Link(target) if target else Directory(mode)
