"""What an image has at a path, as a tar; links are followed as inside of the image, never outside."""

from __future__ import annotations

import asyncio
import os
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

from alcove.builds.drivers import NoImageError

_PIECE = 1 << 18
_MOST_LINKS = 40


def write_tar(root: Path, path: str, target: Path) -> None:
    """Write what is at ``path`` of a tree: of a directory what is in it, of a file that file alone.

    Owners and modes are the image's; devices, pipes and sockets are left out.

    Raises:
        NoImageError: nothing is there.
    """
    found = resolve_inside(root, path)
    with tarfile.open(target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        if found.is_dir():
            for child in sorted(found.iterdir()):
                archive.add(child, child.name, filter=_plain)
        else:
            archive.add(found, found.name, filter=_plain)


def resolve_inside(root: Path, path: str) -> Path:
    """Give the place of ``path`` in a tree whose root is ``root``, for whom its links are made.

    Raises:
        NoImageError: nothing is there, or its links go round.
    """
    pending, place, links = path.split("/")[::-1], root, 0
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            place = place if place == root else place.parent
            continue
        place /= part
        if place.is_symlink():
            links += 1
            text = str(place.readlink())
            pending += text.split("/")[::-1]
            place = root if text.startswith("/") else place.parent
        if links > _MOST_LINKS or not os.path.lexists(place):
            raise NoImageError(f"the image has no {path}")
    return place


async def read_pieces(file: Path) -> AsyncIterator[bytes]:
    """Yield a file's content."""
    with file.open("rb") as source:  # opening takes no time, reading does
        while piece := await asyncio.to_thread(source.read, _PIECE):
            yield piece


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return member if member.isfile() or member.isdir() or member.issym() or member.islnk() else None
