"""Writes the images of this installation into archives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alcove.errors import AlcoveError, UnavailableError
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


@dataclass(frozen=True, slots=True)
class Telling:
    """Who is told what is going on."""

    say: Callable[[str], None]
    warn: Callable[[str], None]
    """Gets what must not be missed."""


def build_images(directory: Path, prefix: str, telling: Telling) -> list[Written]:
    """Write each image into an archive of its own in ``directory``, which is made when missing.

    Raises:
        AlcoveError: something that belongs into an image is missing, or an archive cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return [
        _write(directory / f"{recipe.name.rpartition('/')[2].partition(':')[0]}.tar", [recipe])
        for recipe in _collect(prefix, telling)
    ]


def export_images(path: Path, prefix: str, telling: Telling) -> Written:
    """Write all images into one archive.

    Raises:
        AlcoveError: as ``build_images``.
    """
    if not path.parent.is_dir():
        raise AlcoveError(f"there is no directory {path.parent}", hint=f"mkdir -p {path.parent}")
    return _write(path, _collect(prefix, telling))


def _collect(prefix: str, telling: Telling) -> list[layout.Recipe]:
    """Give the recipes of all images; that of builders only where this machine has what they run."""
    telling.say(f"Collecting the images of {prefix}")
    control_plane = recipes.control_plane_recipe(prefix)
    found = [recipes.proxy_recipe(prefix), control_plane]
    try:
        found.append(recipes.builder_recipe(prefix, control_plane))
    except UnavailableError as error:
        name = recipes.image_name(prefix, recipes.BUILDER)
        telling.warn(
            f"{name} is left out: {error}; {error.hint}. Without it no images can be built in a cluster "
            "(the embedded cluster does not need it)"
        )
    return found


def _write(path: Path, images: list[layout.Recipe]) -> Written:
    size = layout.write_archive(path, images)
    return Written(path, tuple(image.name for image in images), size)
