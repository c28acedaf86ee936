"""Volumes on disk: files replaced all at once, places of the machine checked, paths kept inside.

A payload lies in a dated directory; ``..data`` is a link to it and every file a link through ``..data``.
Renaming a new link over ``..data`` replaces all files in one step, and containers see the change.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from alcove.embedded.kubelet.volumes import MachinePath, Payload, VolumeError

_LINK = "..data"

_CHECKS: dict[str, tuple[str, Callable[[int], bool]]] = {
    "Directory": ("a directory", stat.S_ISDIR),
    "DirectoryOrCreate": ("a directory", stat.S_ISDIR),
    "File": ("a file", stat.S_ISREG),
    "FileOrCreate": ("a file", stat.S_ISREG),
    "Socket": ("a socket file", stat.S_ISSOCK),
    "CharDevice": ("a character device", stat.S_ISCHR),
    "BlockDevice": ("a block device", stat.S_ISBLK),
}


def write_payload(directory: Path, payload: Payload, group: int | None) -> None:
    """Make the files of ``directory`` those of ``payload``; readable by ``group`` when there is one."""
    directory.mkdir(parents=True, exist_ok=True)
    # The umask of the daemon must not reach the modes that the pod asks for.
    directory.chmod(0o755)
    fresh = directory / f"..{secrets.token_hex(8)}"
    _write_files(fresh, payload, group)
    link = directory / _LINK
    old = link.readlink() if link.is_symlink() else None
    temporary = directory / "..data_tmp"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(fresh.name)
    temporary.rename(link)
    _link_entries(directory, {PurePosixPath(path).parts[0] for path in payload.files})
    if old is not None:
        shutil.rmtree(directory / old, ignore_errors=True)


def _write_files(fresh: Path, payload: Payload, group: int | None) -> None:
    fresh.mkdir()
    fresh.chmod(0o755)
    for path, file in payload.files.items():
        target = fresh / path
        if target.parent != fresh:
            target.parent.mkdir(parents=True, exist_ok=True)
        mode = file.mode if group is None else file.mode | 0o440
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            os.write(descriptor, file.content)
            if group is not None:
                with contextlib.suppress(PermissionError):
                    os.fchown(descriptor, -1, group)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)


def _link_entries(directory: Path, names: set[str]) -> None:
    with os.scandir(directory) as entries:
        present = {entry.name for entry in entries if not entry.name.startswith("..")}
    for name in names - present:
        (directory / name).symlink_to(f"{_LINK}/{name}")
    for name in present - names:
        (directory / name).unlink()


def make_scratch(directory: Path, group: int | None, *, sticky: bool = False) -> None:
    """Make an emptyDir that every user may write to.

    In a ``sticky`` one, as those in memory are, nobody removes or replaces what others made.
    """
    if directory.is_dir():
        return
    directory.mkdir(parents=True)
    bits = 0o1000 if sticky else 0
    directory.chmod(0o777 | bits)
    if group is not None:
        with contextlib.suppress(PermissionError):
            os.chown(directory, -1, group)
            directory.chmod(0o2777 | bits)


def check_machine_path(place: MachinePath) -> Path:
    """Give the path when it is what its type asks for, made if the type says so.

    Raises:
        VolumeError: it is not.
    """
    path = Path(place.path)
    if not place.type:
        # As container runtimes do with a bind mount whose source is missing.
        if not path.exists():
            _make(path, "DirectoryOrCreate")
        return path
    told, check = _CHECKS.get(place.type, ("", None))
    if check is None:
        raise VolumeError(f"unknown hostPath type {place.type}")
    if place.type.endswith("OrCreate") and not path.exists():
        _make(path, place.type)
    if not path.exists() or not check(path.stat().st_mode):
        raise VolumeError(f"hostPath type check failed: {place.path} is not {told}")
    return path


def _make(path: Path, kind: str) -> None:
    try:
        if kind == "DirectoryOrCreate":
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.touch(mode=0o644)
    except OSError as error:
        raise VolumeError(f"cannot make {path}: {error.strerror}") from error


def resolve_inside(volume: Path, inside: str) -> Path:
    """Give a path of a volume (a ``subPath``), made as a directory when missing; never out of the volume.

    Raises:
        VolumeError: a link of the volume leads outside.
    """
    root = volume.resolve()
    target = (root / inside).resolve()
    if ".." in PurePosixPath(inside).parts or inside.startswith("/") or not target.is_relative_to(root):
        raise VolumeError(f"subPath {inside!r} leads out of the volume")
    if not target.exists():
        target.mkdir(parents=True, exist_ok=True)
        target.chmod(0o750 if root == target else 0o777)
    return target
