"""Writes planned files where none are; all of them, or none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from alcove.errors import AlcoveError, ConflictError
from alcove.prep.planning import PlannedFile


def write_files(directory: Path, files: Iterable[PlannedFile]) -> dict[str, bool]:
    """Write those that are not there; tell of each, in order, whether it was written.

    Raises:
        ConflictError: something else is where a file or its directory must be; nothing was written.
        AlcoveError: one cannot be written; those before it were taken away again.
    """
    planned = list(files)
    for file in planned:
        _check(directory, file.path)
    made: list[Path] = []
    told: dict[str, bool] = {}
    try:
        for file in planned:
            told[file.path] = _write(directory / file.path, file, made)
    except BaseException as error:
        _take_away(made)
        if isinstance(error, OSError):
            where = error.filename or directory
            raise AlcoveError(f"cannot write {where}", cause=error.strerror or str(error)) from error
        raise
    return told


def replace_file(path: Path, content: str) -> None:
    """Give a file another content, at once.

    Raises:
        AlcoveError: it cannot be written, and is as it was.
    """
    # What a link leads to is replaced, not the link.
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with draft.open("x", encoding="utf-8", newline="") as stream:
            stream.write(content)
        draft.chmod(target.stat().st_mode & 0o7777)
        draft.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise AlcoveError(f"cannot write {path}", cause=error.strerror or str(error)) from error


def _check(directory: Path, path: str) -> None:
    place = directory
    *parents, name = path.split("/")
    for parent in parents:
        place /= parent
        if os.path.lexists(place) and not place.is_dir():
            raise ConflictError(
                f"{place} is a file, and a directory is needed there", hint="rename it, then try again"
            )
    if (place / name).is_dir():
        raise ConflictError(
            f"{place / name} is a directory, and a file is needed there", hint="rename it, then try again"
        )


def _write(path: Path, file: PlannedFile, made: list[Path]) -> bool:
    for parent in reversed(path.parents):
        if not parent.exists():
            parent.mkdir()
            made.append(parent)
    try:
        stream = path.open("x", encoding="utf-8", newline="\n")
    except FileExistsError:
        return False
    made.append(path)
    with stream:
        stream.write(file.content)
    path.chmod(file.mode)
    return True


def _take_away(made: list[Path]) -> None:
    for path in reversed(made):
        with contextlib.suppress(OSError):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
