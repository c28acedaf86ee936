"""One step of an image build: a container with the machine's network whose writes become a layer."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable
from pathlib import Path

from alcove.embedded import ports
from alcove.embedded.launcher import roots

_RESOLVER = "/etc/resolv.conf"
_CHUNK = 64 * 1024


class StepRunner:
    """Implements ``ports.StepRunner`` with containers of a launcher."""

    def __init__(self, launcher: ports.Launcher) -> None:
        """Start each step through ``launcher``."""
        self._launcher = launcher
        self._numbers = itertools.count(1)

    async def __call__(
        self,
        root: ports.RootFilesystem,
        process: ports.ProcessSpec,
        output: Callable[[bytes], None],
    ) -> ports.ExitStatus:
        """Run it to its end; ``root.upper / "upper"`` then holds all it wrote, machine trees included.

        Raises:
            ports.StartError: it could not be started.
        """
        spec = ports.ContainerSpec(
            id=f"build-{next(self._numbers)}",
            root=root,
            mounts=_resolver(),
            process=process,
            netns=ports.MACHINE_NETNS,
            hostname="build",
        )
        read, write = os.pipe()
        with os.fdopen(read, "rb", buffering=0) as said:
            try:
                try:
                    step = await self._launcher.start_container(spec, stdin=None, stdout=write, stderr=write)
                finally:
                    os.close(write)
                await _copy(said, output)
                status = await step.wait()
            finally:
                await asyncio.shield(self._launcher.remove_container(spec.id))
        await asyncio.to_thread(merge_trees, root)
        return status


async def _copy(said: object, output: Callable[[bytes], None]) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), said)
    try:
        while content := await reader.read(_CHUNK):
            output(content)
    finally:
        transport.close()


def _resolver() -> tuple[ports.Mount, ...]:
    exists = Path(_RESOLVER).exists()
    return (ports.Mount(_RESOLVER, os.path.realpath(_RESOLVER), read_only=True),) if exists else ()


def merge_trees(root: ports.RootFilesystem) -> None:
    """Put what was written to each machine tree at its place in ``root.upper / "upper"``.

    The kernel would let an overlay's upper directory lie inside another's, but complains of it each time.
    """
    for tree, name in roots.trees_of(root.machine_trees):
        written = root.upper / "trees" / name / "upper"
        if not written.is_dir():
            continue
        if not any(written.iterdir()):
            continue
        place = Path(f"{root.upper}/upper{tree}")
        if place.is_dir():
            place.rmdir()  # where the tree was mounted: empty, since it was covered
        place.parent.mkdir(parents=True, exist_ok=True)
        written.rename(place)
