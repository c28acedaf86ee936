"""What a forked child of the launcher does until it becomes the program it was made for.

Nothing here returns: a child ends as a program, or says on its pipe why it could not.
"""

from __future__ import annotations

import fcntl
import os
import socket
import termios
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from alcove.embedded.launcher import credentials, roots, syscalls
from alcove.embedded.launcher.syscalls import CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUTS

_NULL = os.makedev(1, 3)

Spec = Mapping[str, Any]


def run(act: Callable[[], None], complaint: int) -> NoReturn:
    """Do ``act``, which ends in another program; report on ``complaint`` whatever stops it."""
    try:
        os.umask(0o022)
        act()
    except credentials.ProgramError as error:
        os.write(complaint, str(error).encode())
    except OSError as error:
        os.write(complaint, (error.strerror or str(error)).encode())
        if error.filename is not None:
            os.write(complaint, f": {error.filename}".encode())
    except Exception as error:
        os.write(complaint, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(127)


def become_container(spec: Spec, streams: list[int], netns: int) -> None:
    """Build the container around this process, the first of its pid namespace, and start its program."""
    _take_streams(streams)
    syscalls.setns(netns, CLONE_NEWNET)
    syscalls.unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC)
    socket.sethostname(spec["hostname"])
    roots.enter_root(spec, tty=spec["process"]["tty"])
    _become(spec["process"], privileged=spec["privileged"])


def become_beside(process: Spec, streams: list[int], pidfd: int, *, privileged: bool) -> None:
    """Join the namespaces of a container and start one more program there."""
    _take_streams(streams)
    syscalls.setns(pidfd, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET)
    _become(process, privileged=privileged)


def become_tool(argv: list[str], streams: list[int], netns: int) -> None:
    """Start a program of this machine inside a network namespace."""
    _take_streams(streams)
    syscalls.setns(netns, CLONE_NEWNET)
    credentials.execute(argv, os.environ)


def _take_streams(streams: list[int]) -> None:
    # Moved out of the way first: a stream's own number may be 0, 1 or 2.
    moved = [fcntl.fcntl(stream, fcntl.F_DUPFD_CLOEXEC, 3) for stream in streams]
    for number, stream in enumerate(moved):
        os.dup2(stream, number)


def _become(process: Spec, *, privileged: bool) -> None:
    os.setsid()
    if process["tty"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    _give_streams(process["user"])
    _change_directory(process["directory"])
    names = process["capabilities"]
    if privileged:
        names = credentials.CAPABILITIES
    elif names is None:
        names = credentials.DEFAULT_CAPABILITIES
    credentials.take_credentials(
        user=process["user"],
        group=process["group"],
        groups=process["groups"],
        mask=credentials.capability_mask(names),
        no_new_privileges=process["no_new_privileges"],
    )
    environment = dict(process["environment"])
    if "HOME" not in environment:
        environment["HOME"] = credentials.home_of(process["user"])
    credentials.execute(process["argv"], environment)


def _give_streams(user: int) -> None:
    """Let the user open /dev/stdout and its like again, as programs that log to files do."""
    for number in range(3):
        if os.fstat(number).st_rdev != _NULL:
            with suppress(OSError):
                os.fchown(number, user, -1)


def _change_directory(directory: str) -> None:
    path = Path(directory or "/")
    path.mkdir(parents=True, exist_ok=True)
    os.chdir(path)
