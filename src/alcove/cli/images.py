"""``alcove images``: the images that a cluster needs, made without Docker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from alcove.app.images import exporting
from alcove.cli import output


def _registry_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--registry",
        metavar="PREFIX",
        default=exporting.DEFAULT_PREFIX,
        show_default=True,
        help="What the images' names begin with: PREFIX/alcove and PREFIX/proxy.",
    )(command)


@click.group()
def images() -> None:
    """Make the images of the control plane and the proxies: no Docker, no base image, no download."""


@images.command()
@click.option(
    "--output",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("images"),
    show_default=True,
    help="Where to put alcove.tar and proxy.tar.",
)
@_registry_option
@output.progress_option
def build(directory: Path, registry: str, progress: str) -> None:
    """Write each image into an archive of its own, for tools that take one image."""
    written = exporting.build_images(directory, registry, output.Progress(progress).say)
    output.print_table([_row(one) for one in written], _COLUMNS)


@images.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_registry_option
@output.progress_option
def export(file: Path, registry: str, progress: str) -> None:
    """Write both images into one archive, for: docker load, ctr images import, kind load image-archive."""
    written = exporting.export_images(file, registry, output.Progress(progress).say)
    output.print_table([_row(written)], _COLUMNS)


_COLUMNS = {"FILE": "file", "IMAGES": "images", "MB": "size"}


def _row(written: exporting.Written) -> dict[str, str]:
    return {
        "file": str(written.path),
        "images": ", ".join(written.images),
        "size": f"{written.size / 1e6:.0f}",
    }
