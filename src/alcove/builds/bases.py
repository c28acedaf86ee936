"""What images are based on, taken from the node where the node has it: nothing is pulled that is there.

Clusters without a way out have no other source, and where there is one, it is the image that the node's pods
run with. What was taken is remembered by its digest, so each version is taken once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from pathlib import Path

from alcove.builds.containerd import Containerd
from alcove.builds.layers import KnownLayers, read_archive, read_record, write_record
from alcove.builds.requests import full_name

_log = logging.getLogger(__name__)


class Bases:
    """The images that Buildah's storage has from the node."""

    def __init__(
        self,
        containerd: Containerd,
        known: KnownLayers,
        place: Path,
        *,
        platform: str,
        pull: Callable[[Path, str], Awaitable[bool]],
    ) -> None:
        """Take from ``containerd`` for ``platform``.

        Args:
            containerd: the node's.
            known: learns how the node has the layers of what was taken.
            place: the directory of Buildah's storage: what is remembered goes with it.
            platform: ``linux/amd64``.
            pull: takes an OCI archive into Buildah's storage under a name; tells whether that went well.
        """
        self._containerd = containerd
        self._known = known
        self._place = place
        self._platform = platform
        self._pull = pull
        self._file = place / "bases.json"
        self._lock = asyncio.Lock()

    async def take(self, images: Iterable[str]) -> AsyncGenerator[str, None]:
        """Take those that the node has, unless they were taken before; yield the full name of each at first.

        What cannot be taken is left to Buildah, which pulls it.
        """
        async with self._lock:
            for name in dict.fromkeys(full_name(image) for image in images):
                digest = await self._containerd.target(name)
                taken = self._taken()
                if digest is None or taken.get(name) == digest:
                    continue
                yield name
                if await self._copy(name):
                    write_record(self._file, {**taken, name: digest})

    def _taken(self) -> dict[str, str]:
        return read_record(self._file, dict[str, str]) or {}

    async def _copy(self, name: str) -> bool:
        with tempfile.TemporaryDirectory(prefix="base-", dir=self._place) as directory:
            archive = Path(directory) / "image.tar"
            if not await self._containerd.export(name, archive, platform=self._platform):
                _log.info("%s is on the node, but not all of it", name)
                return False
            if not await self._pull(archive, name):
                return False
            with contextlib.suppress(ValueError):
                self._known.learn(await asyncio.to_thread(read_archive, archive))
            return True
