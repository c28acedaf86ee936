"""The system calls that Python's ``os`` lacks, each raising OSError with what was tried."""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000
MS_STRICTATIME = 0x1000000
MNT_DETACH = 0x2

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38

_CAPABILITY_VERSION_3 = 0x20080522
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}

_libc = ctypes.CDLL(None, use_errno=True)


def _call(what: str, result: int) -> None:
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Leave the namespaces of ``flags`` for new ones (``CLONE_NEWPID``: for the next children)."""
    _call("unshare", _libc.unshare(ctypes.c_int(flags)))


def setns(descriptor: int, flags: int) -> None:
    """Join namespaces: those of ``flags`` of a pidfd's process, or the one a descriptor stands for."""
    _call("setns", _libc.setns(ctypes.c_int(descriptor), ctypes.c_int(flags)))


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount something; the arguments are those of the system call."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), options.encode()
    )
    _call(f"mount {kind or source} at {target}", result)


def unmount(target: str) -> None:
    """Detach a mount and all beneath it."""
    _call(f"unmount {target}", _libc.umount2(target.encode(), MNT_DETACH))


def pivot_root(new: str, old: str) -> None:
    """Make ``new`` the root of this mount namespace; the old one shows at ``old``."""
    number = _PIVOT_ROOT.get(os.uname().machine, 155)
    _call("pivot_root", _libc.syscall(ctypes.c_long(number), new.encode(), old.encode()))


def prctl(option: int, value: int) -> None:
    """Set a property of this process."""
    arguments = [ctypes.c_ulong(number) for number in (value, 0, 0, 0)]
    _call(f"prctl {option}", _libc.prctl(ctypes.c_int(option), *arguments))


def set_capabilities(mask: int) -> None:
    """Make ``mask`` the permitted and the effective capabilities; none are inheritable."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    sets = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    _call("capset", _libc.capset(header, sets))
