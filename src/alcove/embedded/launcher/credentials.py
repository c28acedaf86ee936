"""Who a container's process is: ids, capabilities and where it finds itself and its program.

As containerd does it: a process that is not root has no effective capabilities, and the bounding set limits
what it may gain by executing a file.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from alcove.embedded.launcher import syscalls

# Ignored by Python or by the launcher, and what is ignored would stay so in the program.
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT "
    "SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE "
    "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ "
    "PERFMON BPF CHECKPOINT_RESTORE"
)
CAPABILITIES = tuple(_NAMES.split())
"""Every capability's name, in the order of their numbers."""

_DEFAULT_NAMES = (
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE "
    "SYS_CHROOT KILL AUDIT_WRITE"
)
DEFAULT_CAPABILITIES = tuple(_DEFAULT_NAMES.split())
"""What a container may do unless its pod says otherwise."""


def capability_mask(names: Iterable[str]) -> int:
    """Give the bits of the capabilities named; unknown names count for nothing."""
    wanted = set(names)
    return sum(1 << number for number, name in enumerate(CAPABILITIES) if name in wanted)


def take_credentials(
    *, user: int, group: int, groups: Sequence[int], mask: int, no_new_privileges: bool
) -> None:
    """Become ``user`` with no more than the capabilities of ``mask``; there is no way back."""
    for number in range(len(CAPABILITIES)):
        if not mask >> number & 1:
            with contextlib.suppress(OSError):  # this kernel is older than the capability
                syscalls.prctl(syscalls.PR_CAPBSET_DROP, number)
    os.setgroups(groups)
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    syscalls.set_capabilities(0 if user else mask & _allowed())
    if no_new_privileges:
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)


def _allowed() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0


def home_of(user: int) -> str:
    """Give the user's home by the container's /etc/passwd, ``/`` when it is not in there."""
    with contextlib.suppress(OSError):
        for line in Path("/etc/passwd").read_text(errors="replace").splitlines():
            fields = line.split(":")
            if len(fields) >= 6 and fields[2] == str(user):
                return fields[5] or "/"
    return "/"


def candidates(program: str, path: str) -> Iterator[str]:
    """Yield the files that ``program`` may mean, in the order to try them."""
    if "/" in program:
        yield program
        return
    for directory in path.split(":"):
        yield os.path.join(directory or ".", program)  # noqa: PTH118 (a Path would cost more and say no more)


class ProgramError(Exception):
    """The program cannot be executed; the message is fit for a container status."""


def execute(argv: Sequence[str], environment: Mapping[str, str]) -> None:
    """Become the program; does not return.

    Raises:
        ProgramError: it is not there, or may not be executed.
    """
    for number in _IGNORED:
        signal.signal(number, signal.SIG_DFL)
    program = argv[0]
    denied: OSError | None = None
    for path in candidates(program, environment.get("PATH", DEFAULT_PATH)):
        try:
            os.execve(path, list(argv), dict(environment))  # noqa: S606 (executing it is what this is for)
        except (FileNotFoundError, NotADirectoryError) as error:
            # The file may be there while the interpreter that its first line names is not.
            denied = error if Path(path).is_file() else denied
        except OSError as error:
            denied = error
    if denied is not None:
        raise ProgramError(f'exec: "{program}": {(denied.strerror or str(denied)).lower()}')
    if "/" in program:
        raise ProgramError(f'exec: "{program}": stat {program}: no such file or directory')
    raise ProgramError(f'exec: "{program}": executable file not found in $PATH')
