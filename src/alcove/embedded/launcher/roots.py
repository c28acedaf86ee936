"""What a container sees as its file system, built in its own mount namespace by its own first process.

The root is an overlay of the image's layers, and a machine tree is one more overlay over a directory of this
machine. Once inside (``pivot_root``) the machine still shows through one descriptor: mounts are made by paths
of the new root, so that an image's symlinks cannot lead out of it, and taken from sources opened before.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from alcove.embedded.launcher import syscalls
from alcove.embedded.launcher.syscalls import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    MS_STRICTATIME,
)

_MASKED = (
    *("/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"),
    *("/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"),
    "/sys/devices/virtual/powercap",
)
_LOCKED = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_DEVICES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
}
_PRIVILEGED_DEVICES = {"fuse": (10, 229), "net/tun": (10, 200), "kvm": (10, 232), "kmsg": (1, 11)}
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
_OVERLAY = "index=off,metacopy=off,redirect_dir=off"
_QUIET = MS_NOSUID | MS_NODEV | MS_NOEXEC
_OPAQUE = "trusted.overlay.opaque"


def trees_of(trees: Sequence[str]) -> list[tuple[str, str]]:
    """Give each machine tree with the name of the directory of its writes, outer trees before inner ones."""
    return [(tree, tree.strip("/").replace("/", "%")) for tree in sorted(trees)]


def enter_root(spec: Mapping[str, Any], *, tty: bool) -> None:
    """Build the container's root and make it this process's; all of it ends with the mount namespace."""
    root = spec["root"]
    where = _mount_root(root)
    with ExitStack() as opened:
        sources = [_open_source(mount["source"], opened) for mount in spec["mounts"]]
        console = _open_source(os.ttyname(0) if tty else "", opened)
        outside = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        opened.callback(os.close, outside)
        os.chdir(where)
        syscalls.pivot_root(".", ".")
        os.chdir("/")
        _mount_system(spec, console)
        wanted = zip(spec["mounts"], sources, strict=True)
        for mount, source in sorted(wanted, key=lambda pair: pair[0]["target"].count("/")):
            _mount_one(mount, source)
        _protect(spec)
        os.fchdir(outside)
        syscalls.unmount(".")
    os.chdir("/")
    if root["read_only"]:
        for path in ("/", *root["machine_trees"]):
            if os.path.ismount(path):  # a tree may be a symlink into another
                _make_read_only(path)


def _make_read_only(path: str) -> None:
    syscalls.mount("", path, flags=MS_BIND | MS_REMOUNT | MS_RDONLY)


# ------------------------------------------------------------------------------------------ overlays


def _mount_root(root: Mapping[str, Any]) -> str:
    home = Path(root["upper"])
    where, empty = home / "root", home / "empty"
    for directory in (where, empty):
        directory.mkdir(parents=True, exist_ok=True)
    lowers = [*reversed(root["layers"])] or [str(empty)]
    _mount_overlay(lowers, home / "upper", home / "work", str(where))
    for tree, name in trees_of(root["machine_trees"]):
        _mount_tree(tree, home / "trees" / name, root["layers"], str(where))
    return str(where)


def _mount_tree(tree: str, home: Path, layers: Sequence[str], where: str) -> None:
    machine = Path(tree)
    target = Path(where + tree)
    if machine.is_symlink():
        if not os.path.lexists(target):
            target.symlink_to(machine.readlink())
        return
    if not machine.is_dir() or target.is_symlink():
        return
    target.mkdir(parents=True, exist_ok=True)
    lowers, through = _lowers_of(tree, layers)
    if through:
        lowers.append(tree)
    _mount_overlay(lowers, home / "upper", home / "work", str(target))


def _lowers_of(tree: str, layers: Sequence[str]) -> tuple[list[str], bool]:
    """Give the layers' directories for ``tree``, highest first, and whether the machine's shows beneath."""
    found: list[str] = []
    for layer in reversed(layers):
        path = Path(layer + tree)
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not stat.S_ISDIR(mode):  # a whiteout, or a file in its place
            return found, not found
        found.append(str(path))
        with suppress(OSError):
            if os.getxattr(path, _OPAQUE) == b"y":
                return found, False
    return found, True


def _mount_overlay(lowers: Sequence[str], upper: Path, work: Path, target: str) -> None:
    """Mount by descriptors: no limit of length but a page, and no character that needs escaping."""
    _copy_mode(Path(lowers[0]), upper)
    work.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        paths = [_open_source(str(path), opened) for path in (*lowers, upper, work)]
        *low, high, working = paths
        options = f"lowerdir={':'.join(low)},upperdir={high},workdir={working},{_OVERLAY}"
        syscalls.mount("overlay", target, "overlay", 0, options)


def _copy_mode(source: Path, directory: Path) -> None:
    if not directory.exists():
        directory.mkdir(parents=True)
        like = source.stat()
        os.chown(directory, like.st_uid, like.st_gid)
        directory.chmod(stat.S_IMODE(like.st_mode))


def _open_source(path: str, opened: ExitStack) -> str:
    if not path:
        return ""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    opened.callback(os.close, descriptor)
    return f"/proc/self/fd/{descriptor}"


# ---------------------------------------------------------------------- what every container has


def _mount_system(spec: Mapping[str, Any], console: str) -> None:
    for directory in ("/proc", "/sys", "/dev"):
        Path(directory).mkdir(exist_ok=True)
    syscalls.mount("proc", "/proc", "proc", _QUIET)
    syscalls.mount("sysfs", "/sys", "sysfs", _QUIET | (0 if spec["privileged"] else MS_RDONLY))
    if spec["devices"]:
        _mount_devices(console, privileged=spec["privileged"])


def _mount_devices(console: str, *, privileged: bool) -> None:
    syscalls.mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k")
    for name, (major, minor) in {**_DEVICES, **(_PRIVILEGED_DEVICES if privileged else {})}.items():
        path = Path("/dev") / name
        path.parent.mkdir(exist_ok=True)
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        path.chmod(0o666)
    for name in ("pts", "shm", "mqueue"):
        Path("/dev", name).mkdir()
    options = "newinstance,ptmxmode=0666,mode=0620,gid=5"
    syscalls.mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, options)
    syscalls.mount("shm", "/dev/shm", "tmpfs", _QUIET, "mode=1777,size=65536k")  # noqa: S108
    with suppress(OSError):  # a kernel without POSIX queues
        syscalls.mount("mqueue", "/dev/mqueue", "mqueue", _QUIET)
    for name, target in _LINKS.items():
        Path("/dev", name).symlink_to(target)
    if console:
        Path("/dev/console").touch()
        syscalls.mount(console, "/dev/console", flags=MS_BIND)


def _mount_one(mount: Mapping[str, Any], source: str) -> None:
    target = Path(mount["target"])
    if source and not stat.S_ISDIR(os.stat(source).st_mode):  # noqa: PTH116 (the link itself is no path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.touch()
    else:
        target.mkdir(parents=True, exist_ok=True)
    if source:
        syscalls.mount(source, str(target), flags=MS_BIND | MS_REC)
    else:
        options = f"mode=777,size={mount['size']}" if mount["size"] else "mode=777"
        syscalls.mount("tmpfs", str(target), "tmpfs", MS_NOSUID | MS_NODEV, options)
    if mount["read_only"]:
        _make_read_only(str(target))


def _protect(spec: Mapping[str, Any]) -> None:
    for name, value in spec["sysctls"].items():
        Path("/proc/sys", name.replace(".", "/")).write_text(value)
    if spec["privileged"]:
        return
    for path in _LOCKED:
        if Path(path).exists():
            syscalls.mount(path, path, flags=MS_BIND | MS_REC)
            _make_read_only(path)
    for path in _MASKED:
        if Path(path).is_dir():
            syscalls.mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0")
        elif Path(path).exists():
            syscalls.mount("/dev/null", path, flags=MS_BIND)
