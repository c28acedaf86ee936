"""A build's directory, unpacked from a tar that comes in pieces; nothing of it lands outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from alcove.errors import AlcoveError

_PIECE = 1 << 20


class ContextError(AlcoveError):
    """The build's directory did not arrive whole, or holds what it must not."""


@contextlib.asynccontextmanager
async def unpacked(pieces: AsyncIterator[bytes], place: Path) -> AsyncIterator[Path]:
    """Give a directory below ``place`` with what the tar holds; it goes with the block.

    Raises:
        ContextError: the tar is damaged, or leads out of the directory.
    """
    directory = Path(tempfile.mkdtemp(prefix="context-", dir=place))
    directory.chmod(0o755)  # COPY may give it to what it makes
    try:
        await _unpack(pieces, directory)
        yield directory
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


async def _unpack(pieces: AsyncIterator[bytes], directory: Path) -> None:
    reading, writing = os.pipe()
    source, sink = os.fdopen(reading, "rb", buffering=_PIECE), os.fdopen(writing, "wb")
    async with asyncio.TaskGroup() as group:
        extraction = group.create_task(asyncio.to_thread(_extract, source, directory), name="unpack")
        try:
            with contextlib.suppress(BrokenPipeError):  # whoever reads says what is wrong
                async for piece in pieces:
                    await asyncio.to_thread(sink.write, piece)
        finally:
            with contextlib.suppress(BrokenPipeError):
                await asyncio.to_thread(sink.close)
    problem = extraction.result()
    if problem is not None:
        raise problem


def _extract(source: IO[bytes], directory: Path) -> ContextError | None:
    try:
        with source, tarfile.open(fileobj=source, mode="r|") as archive:
            for member in archive:
                _check(member, directory)
                archive.extract(_plain(member), directory, filter="fully_trusted")
            while source.read(_PIECE):
                pass  # senders may pad their tar
    except (tarfile.TarError, EOFError, ValueError) as error:
        return ContextError("the build's directory cannot be unpacked", cause=str(error))
    except OSError as error:
        return ContextError("the build's directory cannot be written", cause=error.strerror or "")
    return None


def _check(member: tarfile.TarInfo, directory: Path) -> None:
    """Refuse whatever is not made anew inside of the directory: no link is ever written through."""
    if not (member.isreg() or member.isdir() or member.issym()):
        raise ValueError(f"{member.name!r} is neither file, directory nor symbolic link")
    *parents, _ = parts = [part for part in member.name.split("/") if part not in ("", ".")] or ["."]
    if member.name.startswith("/") or ".." in parts:
        raise ValueError(f"{member.name!r} leads out of the directory")
    place = directory
    for part in parents:
        place /= part
        if place.is_symlink():
            raise ValueError(f"{member.name!r} lies behind a link")
    target = directory.joinpath(*parts)
    if os.path.lexists(target) and not (member.isdir() and target.is_dir() and not target.is_symlink()):
        raise ValueError(f"{member.name!r} comes twice")


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Give an entry that is ours, whoever owned it, with its mode as far as builds look at it."""
    mode = member.mode & 0o777 | (0o700 if member.isdir() else 0o400)
    return member.replace(mode=mode, uid=os.getuid(), gid=os.getgid(), uname="", gname="", deep=False)
