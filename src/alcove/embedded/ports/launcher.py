"""Processes, mounts and network namespaces (room: launcher)."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NewType, Protocol

NetnsId = NewType("NetnsId", int)
"""A network namespace held by the launcher."""

NODE_NETNS = NetnsId(0)
"""The node's own network namespace: the cluster's inside, apart from the machine's network."""

MACHINE_NETNS = NetnsId(-1)
"""The network namespace of the machine itself, in which image builds run."""


@dataclass(frozen=True, slots=True)
class Veth:
    """A routed link between the node's network namespace and a pod's."""

    name: str
    """The link's name in the node's namespace, at most 15 characters."""
    peer: str
    """Its name in the pod's."""
    netns: NetnsId
    address: str
    """The pod's IPv4 address, to which the node gets a route."""
    gateway: str
    """What the pod's default route goes through: any address, it is never asked for."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount inside a container's root."""

    target: str
    """Absolute path in the container; made when missing (a file when ``source`` is one)."""
    source: str = ""
    """A path of this machine for a bind mount; empty for a tmpfs."""
    read_only: bool = False
    size: str = ""
    """A tmpfs size such as ``64m``; empty for the kernel's default."""


@dataclass(frozen=True, slots=True)
class RootFilesystem:
    """What a container's ``/`` is made of."""

    layers: tuple[Path, ...]
    """Unpacked layers, lowest first, with overlayfs whiteouts."""
    machine_trees: tuple[str, ...] = ()
    """Directories of this machine (``/usr``) that show beneath the layers' directory of the same path."""
    upper: Path = Path()
    """Where its own writes go (the launcher makes ``upper`` and ``work`` directories in it)."""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to start: a container's first, or one beside it (exec)."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str = "/"
    user: int = 0
    group: int = 0
    groups: tuple[int, ...] = ()
    capabilities: tuple[str, ...] | None = None
    """Names without ``CAP_``; None keeps the container default set (that of containerd)."""
    no_new_privileges: bool = False
    tty: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container to start."""

    id: str
    root: RootFilesystem
    mounts: tuple[Mount, ...]
    process: ProcessSpec
    netns: NetnsId
    hostname: str
    share_pids_with: str = ""
    """The id of a running container whose pid namespace it joins (shareProcessNamespace)."""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    devices: bool = True
    privileged: bool = False


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended."""

    code: int
    """The exit code; 128 + signal when a signal ended it."""
    signal: int = 0
    message: str = ""
    """Why it could not be started at all (``StartError``); empty otherwise."""


class Process(Protocol):
    """A started process (room: launcher)."""

    @property
    def pid(self) -> int:
        """Its pid as this machine sees it."""

    async def wait(self) -> ExitStatus:
        """Wait for its end; may be awaited by several and after it."""

    def kill(self, signal: int) -> None:
        """Send it a signal; nothing happens when it has ended."""


class Launcher(Protocol):
    """The process that owns namespaces, mounts and containers (room: launcher)."""

    async def create_netns(self) -> NetnsId:
        """Make a network namespace with its loopback up."""

    async def close_netns(self, netns: NetnsId) -> None:
        """Let it go; the kernel frees it when its last process and socket are gone."""

    async def open_socket(self, netns: NetnsId, family: int, kind: int) -> socket.socket:
        """Give a non-blocking socket that lives in ``netns`` (not bound or connected)."""

    async def run_tool(
        self, argv: Sequence[str], *, netns: NetnsId = NODE_NETNS, stdin: bytes = b""
    ) -> bytes:
        """Run a program of this machine inside ``netns``; give its stdout.

        Raises:
            ToolError: it is missing, or ended with another code than 0 (its stderr is the message).
        """

    async def set_sysctls(self, netns: NetnsId, sysctls: Mapping[str, str]) -> None:
        """Set kernel parameters (``net.ipv4.ip_forward``) of a network namespace."""

    async def create_veth(self, veth: Veth) -> None:
        """Connect a pod's namespace to the node's by a routed link, both ends up and configured."""

    async def move_link(self, name: str, netns: NetnsId, *, rename: str = "") -> None:
        """Move a network link of the node's namespace into ``netns``."""

    async def delete_route(self, address: str) -> None:
        """Forget the node's way to a pod's address; idempotent.

        The link itself goes with the pod's namespace: taking it away alone would hold the launcher for 40 ms.
        """

    async def start_container(
        self,
        spec: ContainerSpec,
        *,
        stdin: int | None,
        stdout: int,
        stderr: int,
    ) -> Process:
        """Mount the root and start the first process; the descriptors are duplicated.

        Raises:
            StartError: with reason ``CreateContainerError`` or ``StartError`` semantics and the message.
        """

    async def start_beside(
        self,
        container_id: str,
        process: ProcessSpec,
        *,
        stdin: int | None,
        stdout: int,
        stderr: int,
    ) -> Process:
        """Start one more process in a running container's namespaces (exec).

        With ``tty`` the descriptors are one pseudo-terminal's.
        """

    async def remove_container(self, container_id: str) -> None:
        """Kill whatever of it is left and unmount its root; idempotent."""


class ToolError(Exception):
    """A program of this machine failed; the message names it, its exit code and what it said."""


class StartError(Exception):
    """A process could not be started; the message is fit for a container status."""
