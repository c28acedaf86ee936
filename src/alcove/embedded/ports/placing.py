"""Where pods get their addresses and their files (rooms: network, images)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from alcove.embedded.ports.launcher import ExitStatus, NetnsId, ProcessSpec, RootFilesystem


@dataclass(frozen=True, slots=True)
class PodAttachment:
    """A pod's place in the network."""

    netns: NetnsId
    address: str
    """Its IPv4 address; the node's for hostNetwork pods."""


class PodNetwork(Protocol):
    """Gives pods their addresses (room: network)."""

    @property
    def node_address(self) -> str:
        """The node's address, as pods see it; the API server and the DNS server listen there."""

    @property
    def dns_address(self) -> str:
        """The address to put into a pod's resolv.conf (the DNS Service's cluster address)."""

    async def attach(self, pod_uid: str, *, host_network: bool) -> PodAttachment:
        """Give the pod a namespace and an address; the same again for the same uid."""

    async def detach(self, pod_uid: str) -> None:
        """Take them back; idempotent."""

    def open_connection(
        self,
        netns: NetnsId,
        host: str,
        port: int,
        *,
        seconds: float,
    ) -> AbstractAsyncContextManager[tuple[Any, Any]]:
        """Connect by TCP from inside ``netns``; yields (StreamReader, StreamWriter).

        Raises:
            OSError: as for any connection; TimeoutError after ``seconds``.
        """


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How an image wants to be run."""

    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    directory: str = "/"
    user: str = ""
    """``uid``, ``uid:gid``, ``name`` or ``name:group``, resolved in the image's /etc/passwd."""
    ports: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is on this machine."""

    reference: str
    """Normalised: ``docker.io/library/nginx:latest``."""
    id: str
    """``sha256:...``"""
    layers: tuple[Path, ...]
    machine_trees: tuple[str, ...]
    config: ImageConfig
    stand_in: bool = False
    """This machine's own programs stand in for an image that could not be had."""


class ImageError(Exception):
    """An image cannot be had; ``reason`` is a waiting reason: ``ErrImageNeverPull``, ``ErrImagePull``."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the waiting reason apart from the text."""
        super().__init__(message)
        self.reason = reason


class ImageStore(Protocol):
    """The images of this machine (room: images)."""

    async def resolve(self, reference: str, pull_policy: str) -> Image:
        """Give the image for a container.

        Raises:
            ImageError: with the waiting reason to show.
        """

    def images(self) -> Sequence[Image]:
        """Give every image (for the node's status)."""


class StepRunner(Protocol):
    """Runs one RUN of a Dockerfile (room: kubelet or launcher, given to images)."""

    def __call__(
        self,
        root: RootFilesystem,
        process: ProcessSpec,
        output: Callable[[bytes], None],
    ) -> Awaitable[ExitStatus]:
        """Run it to its end with the machine's network; writes land in ``root.upper``."""
