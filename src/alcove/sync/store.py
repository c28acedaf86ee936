"""Contents by their digests in a directory: written whole or not at all, bounded, checked when they are read.

::

    DIRECTORY/blobs/aa/bbbb...     one file for each content
              manifests/ID         encoded manifests
              drafts/              what is being written; emptied when a store is opened

Sizes are read once, when the store is opened, and kept in memory afterwards; so one process at a time has a
store. A process that is killed leaves nothing but drafts behind. Threads may share a store.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import re
import shutil
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from alcove.sync.encoding import decode_manifest, encode_manifest
from alcove.sync.errors import MissingBlobError, StoreFullError, SyncError
from alcove.sync.manifest import Manifest

_DIGEST = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 18
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class Store:
    """The contents and manifests of one space."""

    def __init__(self, directory: Path, limit: int) -> None:
        """Open the store, which may hold ``limit`` bytes; its directory is made if it is not there.

        Raises:
            SyncError: the directory cannot be used.
        """
        self.directory = directory
        self.limit = limit
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._sizes: dict[str, int] = {}
        self._manifests: dict[str, int] = {}
        self._reserved = 0
        try:
            shutil.rmtree(directory / "drafts", ignore_errors=True)
            for name in ("blobs", "drafts", "manifests"):
                (directory / name).mkdir(parents=True, exist_ok=True)
            self._sizes = _by_age(
                one for place in _scan(directory / "blobs") for one in _scan(Path(place.path))
            )
            self._manifests = _by_age(_scan(directory / "manifests"))
        except OSError as error:
            raise self._failure(error) from error
        self._used = sum(self._sizes.values()) + sum(self._manifests.values())

    @property
    def size(self) -> int:
        """Bytes that are used, with those that are being written."""
        return self._used + self._reserved

    def missing(self, digests: Iterable[str]) -> list[str]:
        """Give those that the store does not hold, each once and in order."""
        return [one for one in dict.fromkeys(digests) if one not in self._sizes]

    def size_of(self, digest: str) -> int | None:
        """Give the size of a content, nothing when it is not here."""
        return self._sizes.get(digest)

    # -- contents

    def write(self, digest: str, chunks: Iterable[bytes]) -> None:
        """Keep a content.

        Raises:
            SyncError: it has another digest.
            StoreFullError: there is no room for it.
        """
        with self.open_draft(digest) as draft:
            for chunk in chunks:
                draft.add(chunk)
            draft.commit()

    def open_draft(self, digest: str) -> Draft:
        """Begin to write a content that comes in pieces; leaving the block without commit forgets them.

        Raises:
            StoreFullError: there is no room for it.
        """
        _check(digest)
        path = self._draft_path()
        try:
            descriptor = os.open(path, _NEW, 0o600)
        except OSError as error:
            raise self._failure(error) from error
        return Draft(self, digest, path, descriptor)

    def read(self, digest: str) -> bytes:
        """Give a content.

        Raises:
            MissingBlobError: it is not here, or is damaged and was removed.
        """
        return b"".join(self.chunks(digest))

    def chunks(self, digest: str) -> Iterator[bytes]:
        """Give a content in pieces; that it is damaged is found out at its end.

        Raises:
            MissingBlobError: it is not here, or is damaged and was removed.
        """
        path = self._path(digest)
        found = hashlib.sha256()
        try:
            with open(path, "rb", buffering=0) as stream:  # noqa: PTH123  # fifty thousand of them
                while chunk := stream.read(_BLOCK):
                    found.update(chunk)
                    yield chunk
        except OSError as error:
            self._drop(digest)
            raise MissingBlobError(digest, cause=error.strerror or "") from error
        if found.hexdigest() != digest:
            self._drop(digest)
            raise MissingBlobError(digest, cause="it was damaged on the disk, and has been removed")

    # -- manifests

    def write_manifest(self, manifest: Manifest) -> str:
        """Keep a manifest; give its id.

        Raises:
            StoreFullError: there is no room for it.
        """
        name = manifest.id
        if name in self._manifests:
            return name
        encoded = encode_manifest(manifest)
        draft = Path(self._draft_path())
        self.reserve(len(encoded))
        try:
            draft.write_bytes(encoded)
            draft.replace(self.directory / "manifests" / name)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise self._failure(error) from error
        finally:
            self.release(len(encoded))
        with self._lock:
            self._used += len(encoded) - self._manifests.get(name, 0)
            self._manifests[name] = len(encoded)
        return name

    def read_manifest(self, name: str) -> Manifest | None:
        """Give the manifest with an id; nothing when it is not here, or is damaged and was removed."""
        if name not in self._manifests:
            return None
        with contextlib.suppress(OSError, SyncError):
            manifest = decode_manifest((self.directory / "manifests" / name).read_bytes())
            if manifest.id == name:
                return manifest
        self._drop_manifest(name)
        return None

    @property
    def manifests(self) -> list[str]:
        """The ids of what is kept, the oldest first."""
        return list(self._manifests)

    # -- room

    def collect(self, keep: Iterable[Manifest], *, room: int | None = None) -> int:
        """Remove what none of these manifests needs, the oldest first; give the bytes that this freed.

        With ``room`` it ends as soon as so many bytes can be written. Manifests whose contents are on their
        way are to be kept too.
        """
        kept = list(keep)
        names = {one.id for one in kept}
        needed = {digest for one in kept for digest in one.digests}
        before = self._used
        for name in [name for name in self._manifests if name not in names]:
            self._drop_manifest(name)
        for digest in [one for one in self._sizes if one not in needed]:
            if room is not None and self.size + room <= self.limit:
                break
            self._drop(digest)
        return before - self._used

    def reserve(self, size: int) -> None:
        """Count bytes before they are written.

        Raises:
            StoreFullError: they are too many.
        """
        with self._lock:
            if self._used + self._reserved + size > self.limit:
                raise self._full(size)
            self._reserved += size

    def release(self, size: int) -> None:
        """Count bytes no more that were reserved."""
        with self._lock:
            self._reserved -= size

    def keep(self, digest: str, draft: str, size: int) -> None:
        """Take a draft whose digest was found to be right."""
        path = self._path(digest)
        try:
            try:
                os.replace(draft, path)  # noqa: PTH105  # fifty thousand of them
            except FileNotFoundError:
                Path(path).parent.mkdir(exist_ok=True)
                Path(draft).replace(path)
        except OSError as error:
            raise self._failure(error) from error
        with self._lock:
            self._used += size - self._sizes.pop(digest, 0)
            self._sizes[digest] = size

    def _drop(self, digest: str) -> None:
        with self._lock:
            with contextlib.suppress(OSError):
                Path(self._path(digest)).unlink(missing_ok=True)
            self._used -= self._sizes.pop(digest, 0)

    def _drop_manifest(self, name: str) -> None:
        with self._lock:
            with contextlib.suppress(OSError):
                (self.directory / "manifests" / name).unlink(missing_ok=True)
            self._used -= self._manifests.pop(name, 0)

    def _path(self, digest: str) -> str:
        _check(digest)
        return f"{self.directory}/blobs/{digest[:2]}/{digest[2:]}"

    def _draft_path(self) -> str:
        return f"{self.directory}/drafts/{next(self._numbers)}"

    def _failure(self, error: OSError) -> SyncError:
        if error.errno in _FULL:
            full = self._full(0)
            full.__cause__ = error
            return full
        return SyncError(
            f"the store of sources in {self.directory} cannot be used", cause=error.strerror or str(error)
        )

    def _full(self, size: int) -> StoreFullError:
        used, limit = _megabytes(self._used), _megabytes(self.limit)
        wanted = f", and {_megabytes(size)} more are needed" if size else " and its disk is full"
        return StoreFullError(
            "there is no room left for this project's files",
            cause=f"the space's store holds {used} of {limit}{wanted}",
            hint="leave large files out ('build.ignore' in azds.yaml, or .dockerignore), end sessions of "
            "this space that nobody needs ('alcove down'), or give the space's store a larger volume",
        )


class Draft:
    """A content that is being written."""

    def __init__(self, store: Store, digest: str, path: str, descriptor: int) -> None:
        """Write to a new file until the whole content is there."""
        self._store = store
        self._digest = digest
        self._path = path
        self._descriptor = descriptor
        self._is_kept = False
        self._found = hashlib.sha256()
        self._size = 0

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self._store.release(self._size)
        if not self._is_kept:
            with contextlib.suppress(OSError):
                Path(self._path).unlink()

    def add(self, chunk: bytes) -> None:
        """Write the next piece.

        Raises:
            StoreFullError: there is no room for it.
        """
        self._store.reserve(len(chunk))
        self._size += len(chunk)
        self._found.update(chunk)
        try:
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise self._store._failure(error) from error

    def commit(self) -> None:
        """Keep what was written.

        Raises:
            SyncError: it is not what was announced.
        """
        if self._found.hexdigest() != self._digest:
            raise SyncError(f"a content was announced as {self._digest[:12]} and is another one")
        self._close()
        self._store.keep(self._digest, self._path, self._size)
        self._is_kept = True

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _check(digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise SyncError(f"{digest[:80]!r} is no digest")


def _scan(directory: Path) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as found:
        return list(found)


def _by_age(files: Iterable[os.DirEntry[str]]) -> dict[str, int]:
    """Give the sizes of files by the digests that their places are, the oldest first; others do not count."""
    aged = []
    for one in files:
        parent = os.path.basename(os.path.dirname(one.path))  # noqa: PTH119,PTH120  # fifty thousand of them
        name = parent + one.name if len(parent) == 2 else one.name
        if _DIGEST.fullmatch(name):
            status = one.stat(follow_symlinks=False)
            aged.append((status.st_mtime_ns, name, status.st_size))
    return {name: size for _, name, size in sorted(aged)}


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
