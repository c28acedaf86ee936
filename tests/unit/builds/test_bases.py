from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.builds.fakes import FakePrograms, fails, says

from alcove.builds.bases import Bases
from alcove.builds.containerd import Containerd
from alcove.builds.layers import KnownLayers

NAME = "docker.io/library/python:3.12"


class World:
    """A node with one image, and a Buildah that takes what it is given."""

    def __init__(self, place: Path) -> None:
        self.programs = FakePrograms()
        self.on_node("sha256:1")
        self.taken: list[str] = []
        self.willing = True
        containerd = Containerd(Path("/socket"), self.programs)
        known = KnownLayers(place / "layers.json")
        self.bases = Bases(containerd, known, place, platform="linux/amd64", pull=self._pull)

    def on_node(self, digest: str) -> None:
        table = says(f"REF TYPE DIGEST\n{NAME} application/x {digest}\n")
        self.programs.on("images", "ls", f'name=="{NAME}"', answer=table)

    async def take(self, *images: str) -> list[str]:
        return [name async for name in self.bases.take(images)]

    async def _pull(self, archive: Path, name: str) -> bool:
        self.taken.append(name)
        return self.willing


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_what_the_node_has_is_taken_once(world: World) -> None:
    assert await world.take("python:3.12", "python:3.12", "absent:1") == [NAME]
    assert await world.take("python:3.12") == []
    assert world.taken == [NAME]


async def test_another_version_under_the_same_name_is_taken_again(world: World) -> None:
    await world.take("python:3.12")
    world.on_node("sha256:2")
    assert await world.take("python:3.12") == [NAME]


async def test_what_cannot_be_taken_is_left_and_tried_again(world: World) -> None:
    world.willing = False
    for _ in range(2):
        assert await world.take("python:3.12") == [NAME]
    world.programs.on("images", "export", answer=fails("not whole"))
    assert await world.take("python:3.12") == [NAME]
    assert world.taken == [NAME, NAME]
