"""Old images are removed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from alcove import aio
from alcove.app.embedded.imagecare import ImageCare
from alcove.embedded.images import InUse
from alcove.errors import AlcoveError


class Images:
    """Remembers what it was asked to keep; fails the first time when it is told to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.asked: list[InUse] = []
        self.collected = asyncio.Event()
        self._fails = fails
        self._loop = asyncio.get_running_loop()

    def collect_garbage(self, in_use: InUse) -> list[str]:
        self.asked.append(in_use)
        self._loop.call_soon_threadsafe(self.collected.set)
        if self._fails:
            self._fails = False
            raise AlcoveError("the index of images is damaged")
        return ["layer"]


class Users:
    """Pods with one image, and one whose name is none."""

    def __init__(self) -> None:
        self.looked = 0

    def look_for_images(self) -> None:
        self.looked += 1

    def images_in_use(self) -> tuple[set[str], set[Path]]:
        return {"app", "App:"}, {Path("/layer")}


@pytest.mark.parametrize("fails", [False, True])
async def test_a_new_image_is_told_and_tidied_up_after(fails: bool) -> None:
    images, users = Images(fails=fails), Users()
    care = ImageCare(images, users)
    async with aio.open_background(name="test") as background:
        background.start(care.run(), name="care")
        for _ in range(2):
            care.note_new_image()
            await images.collected.wait()
            images.collected.clear()
    assert users.looked == 2
    assert images.asked == [InUse({"docker.io/library/app:latest"}, {Path("/layer")})] * 2
