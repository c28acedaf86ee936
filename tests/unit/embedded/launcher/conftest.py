"""Containers made of this machine's own programs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from alcove.embedded.launcher.client import LaunchedProcess, LauncherClient, open_launcher
from alcove.embedded.ports import NODE_NETNS, ContainerSpec, ProcessSpec, RootFilesystem

TREES = tuple(tree for tree in ("/usr", "/bin", "/lib", "/lib64", "/sbin", "/etc") if Path(tree).exists())
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def process(*argv: str, **fields: Any) -> ProcessSpec:
    return ProcessSpec(argv, fields.pop("environment", ENVIRONMENT), **fields)


class Bench:
    """Starts containers and collects what they say."""

    def __init__(self, launcher: LauncherClient, directory: Path) -> None:
        self.launcher = launcher
        self.directory = directory
        self._count = 0

    def root(self, *layers: Path, read_only: bool = False) -> RootFilesystem:
        self._count += 1
        return RootFilesystem(layers, TREES, self.directory / f"upper{self._count}", read_only)

    def spec(self, what: ProcessSpec, **fields: Any) -> ContainerSpec:
        root = fields.pop("root", None) or self.root()
        spec = ContainerSpec(f"c{self._count}", root, (), what, NODE_NETNS, "box")
        return dataclasses.replace(spec, **fields)

    async def start(self, spec: ContainerSpec, output: int | None = None) -> LaunchedProcess:
        null = os.open(os.devnull, os.O_RDWR)
        try:
            out = null if output is None else output
            return await self.launcher.start_container(spec, stdin=None, stdout=out, stderr=out)
        finally:
            os.close(null)

    async def run(self, spec: ContainerSpec) -> tuple[int, str]:
        """Give the exit code and what it said."""
        path = self.directory / f"{spec.id}.log"
        with path.open("wb") as log:
            started = await self.start(spec, log.fileno())
        return (await started.wait()).code, path.read_text()

    async def script(self, text: str, **fields: Any) -> tuple[int, str]:
        """Run a shell script in a fresh container."""
        user = fields.pop("process_fields", {})
        return await self.run(self.spec(process("sh", "-c", text, **user), **fields))

    async def beside(self, container: str, what: ProcessSpec) -> tuple[int, str]:
        path = self.directory / "beside.log"
        with path.open("wb") as log:
            out = log.fileno()
            started = await self.launcher.start_beside(container, what, stdin=None, stdout=out, stderr=out)
        return (await started.wait()).code, path.read_text()


@pytest.fixture
async def launcher() -> AsyncIterator[LauncherClient]:
    async with open_launcher() as client:
        yield client


@pytest.fixture
def bench(launcher: LauncherClient, tmp_path: Path) -> Bench:
    return Bench(launcher, tmp_path)
