"""Keeps images from filling the disk: after each build, and now and then, what is obsolete is removed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Protocol

from alcove.embedded.images import InUse, normalise
from alcove.embedded.images.threads import run_to_end
from alcove.embedded.ports import ImageError
from alcove.errors import AlcoveError

_SECONDS = 3600.0

_log = logging.getLogger(__name__)


class Images(Protocol):
    """Of the image store, what is needed here."""

    def collect_garbage(self, in_use: InUse) -> Sequence[str]:
        """Remove what is obsolete; give the names of the layers."""


class ImageUsers(Protocol):
    """Of the kubelet, what is needed here."""

    def look_for_images(self) -> None:
        """Have containers whose image was not there look again."""

    def images_in_use(self) -> tuple[AbstractSet[str], AbstractSet[Path]]:
        """Give the images that pods name, and the layers of containers that run."""


class ImageCare:
    """Tells the node of new images and removes old ones."""

    def __init__(self, images: Images, kubelet: ImageUsers) -> None:
        """Keep what pods of ``kubelet`` use; ``run`` does the removing."""
        self._images = images
        self._kubelet = kubelet
        self._wanted = asyncio.Event()

    def note_new_image(self) -> None:
        """Let containers that wait for an image look, and have what it makes obsolete removed."""
        self._kubelet.look_for_images()
        self._wanted.set()

    async def run(self) -> None:
        """Collect for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS):
                    await self._wanted.wait()
            self._wanted.clear()
            await self._collect()

    async def _collect(self) -> None:
        names, layers = self._kubelet.images_in_use()
        in_use = InUse(set(_normalised(names)), layers)
        try:
            gone = await run_to_end(partial(self._images.collect_garbage, in_use))
        except (AlcoveError, OSError) as error:
            _log.warning("images cannot be tidied up: %s", error)
        else:
            if gone:
                _log.info("removed %d layers that no image needs any longer", len(gone))


def _normalised(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        with contextlib.suppress(ImageError):
            yield normalise(name)
