"""Writes the images of this installation into archives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alcove.errors import AlcoveError
from alcove.images import layout, recipes

DEFAULT_PREFIX = "alcove"


@dataclass(frozen=True, slots=True)
class Written:
    """An archive that was written."""

    path: Path
    images: tuple[str, ...]
    size: int
    """In bytes."""

    def document(self) -> dict[str, object]:
        """Give it as a record."""
        return {"file": str(self.path), "images": list(self.images), "bytes": self.size}


def build_images(directory: Path, prefix: str, say: Callable[[str], None]) -> list[Written]:
    """Write each image into an archive of its own in ``directory``, which is made when missing.

    Raises:
        AlcoveError: something that belongs into an image is missing, or an archive cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, make in ((recipes.PROXY, recipes.proxy_recipe), (recipes.ALCOVE, recipes.control_plane_recipe)):
        say(f"Collecting {recipes.image_name(prefix, name)}")
        written.append(_write(directory / f"{name}.tar", [make(prefix)]))
    return written


def export_images(path: Path, prefix: str, say: Callable[[str], None]) -> Written:
    """Write both images into one archive.

    Raises:
        AlcoveError: as ``build_images``.
    """
    if not path.parent.is_dir():
        raise AlcoveError(f"there is no directory {path.parent}", hint=f"mkdir -p {path.parent}")
    say(f"Collecting the images of {prefix}")
    return _write(path, [recipes.proxy_recipe(prefix), recipes.control_plane_recipe(prefix)])


def _write(path: Path, images: list[layout.Recipe]) -> Written:
    size = layout.write_archive(path, images)
    return Written(path, tuple(image.name for image in images), size)
