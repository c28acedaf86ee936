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
        help="What the images' names begin with: PREFIX/alcove, PREFIX/builder and PREFIX/proxy.",
    )(command)


@click.group()
def images() -> None:
    """Make the images of control plane, proxies and builders: no Docker, no base image, no download."""


@images.command()
@click.option(
    "--output",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("images"),
    show_default=True,
    help="Where to put alcove.tar, builder.tar and proxy.tar.",
)
@_registry_option
@output.progress_option
def build(directory: Path, registry: str, progress: str) -> None:
    """Write each image into an archive of its own, for tools that take one image."""
    written = exporting.build_images(directory, registry, _telling(progress))
    output.print_table([_row(one) for one in written], _COLUMNS)


@images.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_registry_option
@output.progress_option
def export(file: Path, registry: str, progress: str) -> None:
    """Write all images into one archive, for: docker load, ctr images import, kind load image-archive."""
    written = exporting.export_images(file, registry, _telling(progress))
    output.print_table([_row(written)], _COLUMNS)


def _telling(progress: str) -> exporting.Telling:
    told = output.Progress(progress)
    return exporting.Telling(told.say, told.warn)


_COLUMNS = {"FILE": "file", "IMAGES": "images", "MB": "size"}


def _row(written: exporting.Written) -> dict[str, str]:
    return {
        "file": str(written.path),
        "images": ", ".join(written.images),
        "size": f"{written.size / 1e6:.0f}",
    }
