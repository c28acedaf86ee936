"""What an image has at a path, as a tar file."""

from __future__ import annotations

import posixpath
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from alcove.embedded.images.merged import MergedTree
from alcove.errors import AlcoveError


def write_tar(tree: MergedTree, path: str, target: IO[bytes]) -> None:
    """Write a tar file of what is at ``path``: of a file that file alone, of a directory all that is in it.

    Names are relative to the directory; a file goes by its own. Owners and modes are the image's. Devices,
    pipes and sockets are left out.

    Raises:
        AlcoveError: nothing is there.
    """
    resolved, found = tree.locate(path)
    if found is None:
        raise AlcoveError(f"the image has no {path}")
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        if not _is_directory(found):
            _add(archive, posixpath.basename(resolved), found)
            return
        for name, place in _walk(tree, resolved, ""):
            _add(archive, name, place)


def _walk(tree: MergedTree, directory: str, below: str) -> Iterator[tuple[str, Path]]:
    for name, place in tree.children(directory).items():
        relative = posixpath.join(below, name)
        yield relative, place
        if _is_directory(place):
            yield from _walk(tree, posixpath.join(directory, name), relative)


def _is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _add(archive: tarfile.TarFile, name: str, place: Path) -> None:
    status = place.lstat()
    member = tarfile.TarInfo(name)
    member.mode, member.mtime = stat.S_IMODE(status.st_mode), int(status.st_mtime)
    member.uid, member.gid = status.st_uid, status.st_gid
    if stat.S_ISDIR(status.st_mode):
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    elif stat.S_ISLNK(status.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, str(place.readlink())
        archive.addfile(member)
    elif stat.S_ISREG(status.st_mode):
        member.size = status.st_size
        with place.open("rb") as content:
            archive.addfile(member, content)
