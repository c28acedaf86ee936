"""What ``azds.yaml`` says, resolved for one configuration.

Every path is absolute, the environment is expanded, ``$(tokens)`` are as the file has them. Values may hold
secrets that came from the environment: they have no repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Build:
    """How the image is built."""

    context: Path
    """The directory that the build sees; it may be above the project's."""
    dockerfile: Path
    args: Mapping[str, str] = field(repr=False)
    use_git_ignore: bool
    """What ``.gitignore`` excludes is not sent."""
    ignore: tuple[str, ...]
    """Further patterns in gitignore's syntax; ``!`` brings back."""


@dataclass(frozen=True, slots=True)
class ValuesFile:
    """One file of values for the chart."""

    path: Path
    optional: bool
    """It may be missing: the file says ``?`` behind its name."""


@dataclass(frozen=True, slots=True)
class Install:
    """How the chart is installed."""

    chart: Path
    """A directory with a ``Chart.yaml``, or a packaged chart (``.tgz``)."""
    values: tuple[ValuesFile, ...]
    """From the lowest precedence to the highest."""
    set: Mapping[str, Any] = field(repr=False)
    """A tree of plain values that overrides ``values``."""


@dataclass(frozen=True, slots=True)
class Import:
    """A directory out of an image, for the container."""

    image: str
    source: str
    destination: str


@dataclass(frozen=True, slots=True)
class Iterate:
    """What a restart inside the container does."""

    processes_to_kill: tuple[str, ...]
    build_commands: tuple[tuple[str, ...], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Container:
    """How the running container follows the sources."""

    sync_target: str | None
    """Where the sources are in the container; None for the image's working directory."""
    sync: tuple[str, ...]
    """Globs; those that begin with ``!`` exclude."""
    command: tuple[str, ...] = field(repr=False)
    """Empty for the image's own."""
    imports: tuple[Import, ...]
    iterate: Iterate | None
    """None when a change never restarts the command."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project in one of its configurations."""

    directory: Path
    file: Path
    """``azds.yaml``, or ``vsce.yaml`` in projects of the oldest kind."""
    api_version: str
    """``1.1``, ``1.0``, or nothing in the oldest files."""
    configuration: str
    build: Build
    install: Install
    container: Container | None
    """None: every change rebuilds."""
    warnings: tuple[str, ...] = ()
    """What will probably not work as it is meant; each begins with ``azds.yaml:LINE: ``."""
