"""As whom a container runs, from its securityContext, its pod's and the image's user."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alcove.embedded.kubelet.environment import ConfigError
from alcove.embedded.kubelet.status import full_name
from alcove.embedded.objects import Object

DEFAULT_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP",
    "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip
ALL_CAPABILITIES = (
    *DEFAULT_CAPABILITIES, "AUDIT_CONTROL", "AUDIT_READ", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE",
    "DAC_READ_SEARCH", "IPC_LOCK", "IPC_OWNER", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE",
    "NET_ADMIN", "NET_BROADCAST", "PERFMON", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_NICE",
    "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM",
)  # fmt: skip

_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a process is."""

    user: int = 0
    group: int = 0
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Accounts:
    """The users and groups that an image knows."""

    passwd: str = ""
    group: str = ""


def security_of(pod: Object, container: Object) -> Object:
    """Give the container's securityContext with what it takes over from its pod's."""
    shared = pod["spec"].get("securityContext") or {}
    own = container.get("securityContext") or {}
    return shared | {key: value for key, value in own.items() if value is not None}


def resolve_identity(security: Object, image_user: str, accounts: Accounts) -> Identity:
    """Give who the container's process is.

    Raises:
        ConfigError: the image's user is not in its own files.
    """
    users = [line.split(":") for line in accounts.passwd.splitlines() if line.count(":") >= 3]
    groups = [line.split(":") for line in accounts.group.splitlines() if line.count(":") >= 3]
    wanted = security.get("runAsUser")
    name, _, group_name = image_user.partition(":") if wanted is None else (str(wanted), "", "")
    user, group, login = _find_user(name or "0", users)
    if group_name:
        group = _find_group(group_name, groups)
    if security.get("runAsGroup") is not None:
        group = int(security["runAsGroup"])
    extra: list[int] = []
    if security.get("supplementalGroupsPolicy") != "Strict" and login:
        extra += [int(g[2]) for g in groups if g[2].isdecimal() and login in g[3].split(",")]
    extra += security.get("supplementalGroups") or ()
    if security.get("fsGroup") is not None:
        extra.append(security["fsGroup"])
    return Identity(user, group, tuple(dict.fromkeys(g for g in extra if g != group)))


def _find_user(name: str, users: Sequence[Sequence[str]]) -> tuple[int, int, str]:
    for fields in users:
        if name in (fields[0], fields[2]) and fields[2].isdecimal() and fields[3].isdecimal():
            return int(fields[2]), int(fields[3]), fields[0]
    if name.isdecimal():
        return int(name), 0, ""
    raise ConfigError(f"unable to find user {name}: no matching entries in passwd file")


def _find_group(name: str, groups: Sequence[Sequence[str]]) -> int:
    for fields in groups:
        if name == fields[0] and fields[2].isdecimal():
            return int(fields[2])
    if name.isdecimal():
        return int(name)
    raise ConfigError(f"unable to find group {name}: no matching entries in group file")


def check_non_root(pod: Object, container: Object, security: Object, image_user: str) -> None:
    """Refuse to run as root what must not.

    Raises:
        ConfigError: ``runAsNonRoot`` is not kept, or nobody can tell.
    """
    if not security.get("runAsNonRoot"):
        return
    where = f'(pod: "{full_name(pod)}", container: {container["name"]})'
    wanted = security.get("runAsUser")
    if wanted is not None:
        if wanted == 0:
            raise ConfigError(f"container's runAsUser breaks non-root policy {where}")
        return
    name = image_user.partition(":")[0]
    if name and not name.isdecimal():
        raise ConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({name}), "
            f"cannot verify user is non-root {where}"
        )
    if not name or int(name) == 0:
        raise ConfigError(f"container has runAsNonRoot and image will run as root {where}")


def capabilities_of(security: Object) -> tuple[str, ...] | None:
    """Give the capabilities the process keeps, None for the default ones."""
    if security.get("privileged"):
        return ALL_CAPABILITIES
    wish = security.get("capabilities") or {}
    added = [name.removeprefix("CAP_") for name in wish.get("add") or ()]
    dropped = {name.removeprefix("CAP_") for name in wish.get("drop") or ()}
    if not added and not dropped:
        return None
    start = ALL_CAPABILITIES if "ALL" in added else DEFAULT_CAPABILITIES
    kept = () if "ALL" in dropped else (name for name in start if name not in dropped)
    return tuple(dict.fromkeys([*kept, *(name for name in added if name != "ALL")]))


def read_accounts(layers: Sequence[Path]) -> Accounts:
    """Read the users and groups of an image from its layers (lowest first)."""
    return Accounts(_read_topmost(layers, "passwd"), _read_topmost(layers, "group"))


def _read_topmost(layers: Sequence[Path], name: str) -> str:
    for layer in reversed(layers):
        directory = layer / "etc"
        # A layer is foreign: its links would lead to this machine's files.
        if directory.is_symlink():
            continue
        try:
            descriptor = os.open(directory / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return os.read(descriptor, _LARGEST).decode(errors="replace")
        finally:
            os.close(descriptor)
    return ""
