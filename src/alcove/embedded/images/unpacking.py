"""A tar file becomes a directory, without trusting it: nothing is written outside, no device is made.

Layers are unpacked with their whiteouts (``.wh.name``) turned into those of overlayfs. Parent directories are
never reached through symbolic links, so that an archive cannot write through a link that it brought itself.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import shutil
import stat
import tarfile
import zlib
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from alcove.embedded.images import merged
from alcove.errors import AlcoveError

MAX_BYTES = 32 * 1024**3
"""Of one unpacked archive."""
MAX_ENTRIES = 2_000_000

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_CAPABILITY = "security.capability"

DAMAGE = (
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    ValueError,
    OverflowError,
    KeyError,
    IndexError,
    RecursionError,
)
"""What the readers of tar files and their compressions raise for bytes that are neither."""


def open_compressed(stream: BinaryIO) -> BinaryIO:
    """Give a seekable stream's uncompressed bytes; AlcoveError for a compression that is not read here."""
    magic = stream.read(6)
    stream.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return cast("BinaryIO", gzip.GzipFile(fileobj=stream))
    if magic.startswith(b"\xfd7zXZ"):
        return cast("BinaryIO", lzma.LZMAFile(stream))
    if magic.startswith(b"BZh"):
        return cast("BinaryIO", bz2.BZ2File(stream))
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        raise AlcoveError("it is compressed with zstd, which is not read here", hint="compress it with gzip")
    return stream


def unpack(stream: BinaryIO, target: Path, *, whiteouts: bool) -> str:
    """Unpack a tar file, compressed or not, into the empty directory ``target``; give its digest.

    The digest is that of the uncompressed bytes, a layer's diff id (``sha256:...``). Owners are kept when
    this process is root. ``whiteouts`` says whether it is a layer.

    Raises:
        AlcoveError: it is damaged, too large, or would write outside of ``target``.
    """
    try:
        counted = _Digesting(open_compressed(stream))
        with tarfile.open(fileobj=cast("IO[bytes]", counted), mode="r|", errorlevel=2) as archive:
            _Unpacking(target, whiteouts=whiteouts).run(archive)
        while counted.read(1 << 20):
            pass
    except DAMAGE as error:
        raise AlcoveError("the archive is damaged", cause=f"{type(error).__name__}: {error}") from error
    except OSError as error:
        raise AlcoveError("the archive cannot be unpacked", cause=str(error)) from error
    return f"sha256:{counted.digest.hexdigest()}"


def copy_bounded(source: BinaryIO, target: IO[bytes]) -> None:
    """Copy a stream; AlcoveError when it has more than ``MAX_BYTES``."""
    counted = _Digesting(source)
    while content := counted.read(1 << 20):
        target.write(content)


class _Digesting:
    """The bytes of a stream, digested as they are read, up to ``MAX_BYTES``."""

    def __init__(self, stream: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self._stream = stream
        self._left = MAX_BYTES

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise AlcoveError(f"the archive unpacks to more than {MAX_BYTES} bytes")
        self.digest.update(content)
        return content


class _Unpacking:
    def __init__(self, root: Path, *, whiteouts: bool) -> None:
        self._root = root
        self._whiteouts = whiteouts
        self._as_root = os.geteuid() == 0
        self._reachable: set[tuple[str, ...]] = {()}
        self._directories: dict[Path, tarfile.TarInfo] = {}
        self._left = MAX_BYTES

    def run(self, archive: tarfile.TarFile) -> None:
        self._root.chmod(0o755)
        for count, member in enumerate(archive):
            self._left -= max(member.size, 0) if member.isreg() else 0
            if count >= MAX_ENTRIES or self._left < 0:
                raise AlcoveError(f"the archive has over {MAX_ENTRIES} entries or {MAX_BYTES} bytes")
            self._unpack_one(archive, member)
            cast("Any", archive).members = []  # a streamed archive otherwise keeps every header it has read
        for path, member in reversed(self._directories.items()):
            self._finish(path, member)

    def _unpack_one(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        parts = self._parts(member.name)
        if not parts:
            self._directories[self._root] = member
            return
        parent, name = self._directory(parts[:-1]), parts[-1]
        if self._whiteouts and name.startswith(_WHITEOUT):
            self._delete(parent, name)
            return
        path = parent / name
        if member.isdir():
            self._directories[self._directory(parts)] = member
            return
        if not (member.isreg() or member.issym() or member.islnk() or member.isfifo()):
            return  # devices: a container gets its own
        self._clear(path)
        if member.issym():
            path.symlink_to(member.linkname)
        elif member.islnk():
            os.link(self._linked(member), path, follow_symlinks=False)
            return
        elif member.isfifo():
            os.mkfifo(path)
        else:
            self._write(path, cast("IO[bytes]", archive.extractfile(member)))
        self._finish(path, member)

    def _parts(self, name: str) -> tuple[str, ...]:
        parts = merged.parts_of(name)
        if ".." in parts or "\0" in name:
            raise AlcoveError("the archive would write outside of its directory", cause=repr(name[:200]))
        return parts

    def _directory(self, parts: tuple[str, ...]) -> Path:
        """Give a directory below the root, made when missing, reached through directories alone."""
        path = self._root.joinpath(*parts)
        if parts in self._reachable:
            return path
        self._directory(parts[:-1])
        try:
            status = path.lstat()
        except FileNotFoundError:
            path.mkdir(0o755)
        else:
            if merged.is_whiteout(status):
                path.unlink()
                path.mkdir(0o755)
                merged.make_opaque(path)
            elif not stat.S_ISDIR(status.st_mode):
                raise AlcoveError(
                    "the archive puts entries below something that is no directory", cause=str(parts)
                )
        self._reachable.add(parts)
        return path

    def _delete(self, parent: Path, name: str) -> None:
        hidden = name.removeprefix(_WHITEOUT)
        path = parent / hidden
        if name == _OPAQUE:
            merged.make_opaque(parent)
        elif hidden.startswith(_WHITEOUT) or hidden in ("", ".", ".."):
            return  # other marks of aufs
        elif not os.path.lexists(path):
            merged.put_whiteout(path)
        elif path.is_dir() and not path.is_symlink():
            merged.make_opaque(path)

    def _clear(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            self._reachable = {()}
            self._directories = {p: m for p, m in self._directories.items() if not p.is_relative_to(path)}
        else:
            path.unlink(missing_ok=True)

    def _linked(self, member: tarfile.TarInfo) -> Path:
        parts = self._parts(member.linkname)
        path = self._directory(parts[:-1]) / parts[-1] if parts else self._root
        if not path.is_symlink() and not path.is_file():
            raise AlcoveError(
                "the archive links to a file that is not in it", cause=repr(member.linkname[:200])
            )
        return path

    @staticmethod
    def _write(path: Path, content: IO[bytes]) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(content, file, 1 << 18)

    def _finish(self, path: Path, member: tarfile.TarInfo) -> None:
        if self._as_root:
            os.chown(path, member.uid, member.gid, follow_symlinks=False)
        if member.issym():
            return
        mode = stat.S_IMODE(member.mode)
        path.chmod(mode if self._as_root else mode | (0o700 if member.isdir() else 0o400))
        if self._as_root and (capability := member.pax_headers.get(f"SCHILY.xattr.{_CAPABILITY}")):
            os.setxattr(path, _CAPABILITY, _xattr(capability))
        os.utime(path, (max(member.mtime, 0), max(member.mtime, 0)))


def _xattr(value: Any) -> bytes:
    return str(value).encode("utf-8", "surrogateescape")
