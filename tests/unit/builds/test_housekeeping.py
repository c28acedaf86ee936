from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

import pytest

from alcove.builds.housekeeping import Housekeeping
from alcove.errors import AlcoveError


class Disk(NamedTuple):
    total: int = 1 << 40
    free: int = 1 << 39


class House:
    """The storages of spaces on a disk."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.disk = Disk()
        self.tidied: list[str] = []
        self.keeping = Housekeeping(place, tidy=self._tidy, usage=lambda _: self.disk)

    async def _tidy(self, space: str) -> None:
        self.tidied.append(space)

    def fill(self, space: str, layers: int) -> Path:
        root = self.place / space / "storage/overlay"
        for number in range(layers):
            (root / str(number)).mkdir(parents=True)
        return root

    async def enter(self, space: str) -> list[str]:
        async with self.keeping.entered(space) as told:
            return told


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_a_space_is_tidied_once_and_after_a_build_that_was_ended(house: House) -> None:
    for _ in range(2):
        assert await house.enter("a") == []
    await house.enter("b")
    assert house.tidied == ["a", "b"]
    house.keeping.ended("a")
    await house.enter("a")
    assert house.tidied == ["a", "b", "a"]


async def test_nothing_is_tidied_under_a_build_of_the_same_space(house: House) -> None:
    async with house.keeping.entered("a"):
        house.keeping.ended("a")
        await house.enter("a")
    assert house.tidied == ["a"]


async def test_a_disk_that_is_nearly_full_costs_all_caches_when_nothing_else_runs(house: House) -> None:
    house.disk = Disk(free=1 << 36)
    for space in ("a", "b"):
        house.fill(space, 1)
    async with house.keeping.entered("c") as first:
        assert "94% full" in first[0] and not list(house.place.iterdir())
        house.fill("a", 1)
        assert await house.enter("a") == []
    assert (house.place / "a").is_dir()


async def test_a_full_disk_is_told_and_the_next_may_try(house: House) -> None:
    house.disk = Disk(free=1)
    with pytest.raises(AlcoveError, match="disk is full"):
        await house.enter("a")
    house.disk = Disk()
    assert await house.enter("a") == []


async def test_a_cache_that_has_become_large_is_emptied_for_its_space_alone(house: House) -> None:
    small, large = house.fill("a", 3), house.fill("b", 501)
    assert await house.enter("a") == [] and small.is_dir()
    (told,) = await house.enter("b")
    assert "large" in told and not large.exists() and small.is_dir()


async def test_who_comes_while_it_is_tidied_waits(house: House) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(house.enter("a")) for _ in range(5)]
    assert [task.result() for task in tasks] == [[]] * 5
