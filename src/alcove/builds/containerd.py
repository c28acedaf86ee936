"""The images of a node's containerd, by its own client: ``ctr`` in the namespace that kubelets use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from alcove.builds.programs import Finished, Programs
from alcove.builds.requests import full_name
from alcove.errors import AlcoveError, UnavailableError

_KUBERNETES = "k8s.io"
_SHOWN = 400

Object = dict[str, Any]


class ContainerdError(AlcoveError):
    """Containerd refuses something."""


class Containerd:
    """Containerd behind a socket."""

    def __init__(self, socket: Path, programs: Programs) -> None:
        """Ask at ``socket``."""
        self._programs = programs
        self._ctr = ("ctr", "-a", str(socket), "-n", _KUBERNETES)

    async def target(self, image: str) -> str | None:
        """Give the digest of what a name stands for; None when it is not there."""
        table = await self._ask("images", "ls", f'name=="{full_name(image)}"')
        rows = [line.split() for line in table.decode().splitlines()[1:]]
        found = [row[2] for row in rows if len(row) > 2 and row[0] == full_name(image)]
        return found[0] if found else None

    async def names(self) -> tuple[str, ...]:
        """Give the names of all images."""
        return tuple((await self._ask("images", "ls", "-q")).decode().split())

    async def digests(self) -> frozenset[str]:
        """Give the digests of all content that is there."""
        return frozenset((await self._ask("content", "ls", "-q")).decode().split())

    async def document(self, digest: str) -> Object:
        """Give an index, manifest or configuration."""
        content = await self._ask("content", "get", digest)
        try:
            found = msgspec.json.decode(content)
        except ValueError as error:
            raise ContainerdError(f"{digest} is no document") from error
        return found if isinstance(found, dict) else {}

    async def configuration(self, image: str, *, architecture: str) -> Object | None:
        """Give an image's configuration for an architecture; None when it is not there."""
        digest = await self.target(image)
        while digest is not None:
            found = await self.document(digest)
            if "config" in found and "layers" in found:
                config: Object = (await self.document(found["config"]["digest"])).get("config") or {}
                return config
            fitting = [
                one["digest"]
                for one in found.get("manifests") or ()
                if (one.get("platform") or {}).get("architecture", architecture) == architecture
            ]
            digest = fitting[0] if fitting else None
        return None

    async def export(self, image: str, file: Path, *, platform: str) -> bool:
        """Write an image as an OCI archive; False when not all of it is there."""
        arguments = ("images", "export", "--platform", platform, str(file), full_name(image))
        done = await self._programs.finish([*self._ctr, *arguments])
        return done.code == 0

    async def take_in(self, archive: AsyncIterator[bytes]) -> None:
        """Import an OCI archive, of which what containerd has already may be missing, and unpack it."""
        done = await self._programs.finish([*self._ctr, "images", "import", "-"], stdin=archive)
        self._check(done, "images import")

    async def remove(self, names: Sequence[str]) -> None:
        """Forget names of images; those that run stay as they are."""
        await self._ask("images", "rm", *names)

    async def _ask(self, *arguments: str) -> bytes:
        done = await self._programs.finish([*self._ctr, *arguments])
        self._check(done, " ".join(arguments[:2]))
        return done.output

    def _check(self, done: Finished, what: str) -> None:
        if done.code == 0:
            return
        said = done.errors.strip()[-_SHOWN:]
        if "no space left" in said:
            raise ContainerdError(
                "the node's disk is full", hint="remove images or enlarge the disk of the node"
            )
        if "connection refused" in said or "no such file" in said:
            raise UnavailableError("the node's containerd does not answer", cause=said)
        raise ContainerdError(f"containerd refuses '{what}'", cause=said)
