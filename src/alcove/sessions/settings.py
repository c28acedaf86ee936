"""What ``up`` runs, in terms of the tree that is synchronized: every path is relative to its root.

The workstation resolves azds.yaml (files, environment, configuration); what only the cluster knows, the
``$(tokens)``, stays for the hub. It is kept in the Session object, so that a hub that starts anew goes on.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Project(msgspec.Struct, frozen=True, rename="camel"):
    """Whose and which folder it is."""

    id: str
    """What tells it from all others: 12 hexadecimal digits."""
    name: str
    directory: str
    """On the workstation, for people."""
    client: str
    """Of whom: ``user@workstation``."""
    prefix: str
    """Where azds.yaml is below the root; empty for the root itself."""


class BuildSettings(msgspec.Struct, frozen=True, rename="camel"):
    """How the image is built."""

    context: str
    dockerfile: str
    args: dict[str, str] = {}


class InstallSettings(msgspec.Struct, frozen=True, rename="camel"):
    """How the chart is installed."""

    chart: str
    values: tuple[str, ...] = ()
    """Files that exist, in order of precedence."""
    set: dict[str, Any] = {}


class Import(msgspec.Struct, frozen=True, rename="camel"):
    """A directory of another image that the container gets."""

    image: str
    source: str
    destination: str


class Iteration(msgspec.Struct, frozen=True, rename="camel"):
    """How a change of the sources becomes a running process."""

    processes_to_kill: tuple[str, ...] = ()
    build_commands: tuple[tuple[str, ...], ...] = ()


class ContainerSettings(msgspec.Struct, frozen=True, rename="camel"):
    """What is done in the running container."""

    sync_target: str | None = None
    sync: tuple[str, ...] = ()
    imports: tuple[Import, ...] = ()
    iterate: Iteration | None = None


class CommandSettings(msgspec.Struct, frozen=True, rename="camel"):
    """What is run in the container instead of what the pod says."""

    argv: tuple[str, ...] = ()
    """Empty: what the pod or its image says."""
    environment: dict[str, str] = {}
    hold: bool = False
    """Nothing is started before somebody asks for it."""


class SpaceTokens(msgspec.Struct, frozen=True, rename="camel"):
    """What the tokens of the space stand for; the tag is the hub's."""

    space_prefix: str
    root_space_prefix: str
    host_suffix: str


class UpSettings(msgspec.Struct, frozen=True, rename="camel"):
    """All that the hub must know to run a project."""

    project: Project
    configuration: str
    config_file: str
    """azds.yaml, relative to the root."""
    build: BuildSettings
    install: InstallSettings
    space: SpaceTokens
    container: ContainerSettings | None = None
    command: CommandSettings = CommandSettings()
    debug: str = ""
    """The language whose debugger listens; empty for none."""
