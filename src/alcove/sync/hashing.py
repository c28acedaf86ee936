"""Digests of files of the workstation, without ever waiting for one or being fooled by one that changes."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
"""For reading: neither follows a link nor waits for whoever writes into a pipe."""

_BLOCK = 1 << 18
_TRIES = 3


class Stamp(NamedTuple):
    """What the system says of a file; while it stays the same, so (almost surely) does the content."""

    size: int
    mtime_ns: int
    mode: int
    """With the kind of the file, as ``st_mode``."""
    inode: int


class ChangingError(Exception):
    """The file changes while it is read."""


def stamp_of(status: os.stat_result) -> Stamp:
    """Give the stamp of what was asked about."""
    return Stamp(
        status.st_size, status.st_mtime_ns, status.st_mode, status.st_ino if os.name == "posix" else 0
    )


def hash_file(path: str) -> tuple[str, Stamp, bool]:
    """Read a regular file; give its digest, its stamp and whether it begins as a script does.

    Raises:
        ChangingError: it changed while it was read, again and again.
        OSError: it cannot be read, or is no regular file.
    """
    descriptor = os.open(path, OPEN_FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", path)
        for _ in range(_TRIES):
            digest, size, is_script = _read(descriptor, before.st_size)
            after = os.fstat(descriptor)
            if size == after.st_size and before.st_mtime_ns == after.st_mtime_ns:
                return digest, stamp_of(after), is_script
            before = after
            os.lseek(descriptor, 0, os.SEEK_SET)
    finally:
        os.close(descriptor)
    raise ChangingError


def _read(descriptor: int, expected: int) -> tuple[str, int, bool]:
    """Read a file up to its expected end, since a writer may be faster than we are."""
    block = os.read(descriptor, _BLOCK)
    is_script = block[:2] == b"#!"
    size = len(block)
    digest = hashlib.sha256(block)
    while block and size < expected:
        block = os.read(descriptor, _BLOCK)
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size, is_script


def read_file(path: str, digest: str, size: int) -> Iterator[bytes]:
    """Give the content of a regular file in pieces.

    Raises:
        ChangingError: at the end, where it is not the content of this digest and size.
        OSError: it cannot be read, or is no regular file.
    """
    descriptor = os.open(path, OPEN_FLAGS)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size != size:
            raise ChangingError
        found = hashlib.sha256()
        left = size
        while left and (block := os.read(descriptor, min(left, _BLOCK))):
            found.update(block)
            left -= len(block)
            if left == 0 and found.hexdigest() != digest:
                raise ChangingError
            yield block
        if left or (not size and found.hexdigest() != digest):
            raise ChangingError
    finally:
        os.close(descriptor)
