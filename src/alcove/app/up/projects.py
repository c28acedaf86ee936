"""A project on the workstation: what is synchronized of it, and what the hub is told to run."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from alcove.config import azds
from alcove.config.azds.tokens import Tokens
from alcove.errors import AlcoveError
from alcove.sessions import settings as sent
from alcove.sessions.settings import CommandSettings, SpaceTokens, UpSettings
from alcove.sync.ignoring import IgnoreRules
from alcove.sync.selection import Selection, make_selection


@dataclass(frozen=True, slots=True)
class Choices:
    """What a command line says of how a project runs."""

    configuration: str = "develop"
    program: Sequence[str] = ()
    """Takes the place of what is run; empty: what azds.yaml, the pod or the image says."""
    own_command: bool = True
    """Whether azds.yaml's command counts."""
    hold: bool = False
    """Nothing is started before somebody asks for it."""


@dataclass(frozen=True, slots=True)
class LocalProject:
    """A project as it is found on the workstation."""

    directory: Path
    selection: Selection
    settings: UpSettings
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.settings.project.name


def open_project(
    directory: Path, environment: Mapping[str, str], choices: Choices, space: Tokens, *, debugger: str = ""
) -> LocalProject:
    """Find out what a directory's azds.yaml asks for.

    Raises:
        ConfigError: the file is missing or wrong.
        SyncError: its parts have no directory in common.
    """
    project = azds.load_project(directory, environment=environment, configuration=choices.configuration)
    selection = _select(project)
    container = project.container
    settings = UpSettings(
        project=_identify(project, selection),
        configuration=project.configuration,
        config_file=_relative(project.file, selection),
        build=sent.BuildSettings(
            _relative(project.build.context, selection),
            _relative(project.build.dockerfile, selection),
            dict(project.build.args),
        ),
        install=sent.InstallSettings(
            _relative(project.install.chart, selection),
            tuple(_relative(one.path, selection) for one in project.install.values if one.path.is_file()),
            _plain(project.install.set),
        ),
        space=SpaceTokens(space.space_prefix, space.root_space_prefix, space.host_suffix),
        container=_container(container) if container else None,
        command=choose_command(choices, container.command if container else ()),
        debug=debugger,
    )
    return LocalProject(project.directory, selection, settings, project.warnings)


def choose_command(choices: Choices, configured: Sequence[str]) -> CommandSettings:
    """Give what is run: the command line's program, else azds.yaml's, else the pod's own."""
    argv = tuple(choices.program) or (tuple(configured) if choices.own_command else ())
    return CommandSettings(argv, hold=choices.hold)


def project_id(directory: Path, host: str) -> str:
    """Give what tells a project from all others: where it is, and on which workstation."""
    return hashlib.sha256(b"\0".join((host.encode(), os.fsencode(directory)))).hexdigest()[:12]


def client_name() -> str:
    """Give whose session it is, for people: ``user@workstation``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{user}@{platform.node() or 'workstation'}"


def _select(project: azds.Project) -> Selection:
    build = project.build
    rules = IgnoreRules(build.use_git_ignore, build.ignore)
    trees = [(build.context, rules)]
    if not project.directory.is_relative_to(build.context):
        trees.append((project.directory, rules))
    extras = [
        project.file,
        build.dockerfile,
        project.install.chart,
        *(one.path for one in project.install.values),
        build.context / ".dockerignore",
        build.dockerfile.with_name(f"{build.dockerfile.name}.dockerignore"),
    ]
    return make_selection(trees, extras)


def _identify(project: azds.Project, selection: Selection) -> sent.Project:
    return sent.Project(
        project_id(project.directory, platform.node()),
        _shown(project.directory.name),
        _shown(str(project.directory)),
        client_name(),
        _relative(project.directory, selection),
    )


def _shown(name: str) -> str:
    """Give a name of the system's as text, also one that is no valid Unicode."""
    return name.encode("utf-8", "replace").decode()


def _container(container: azds.Container) -> sent.ContainerSettings:
    iterate = container.iterate
    return sent.ContainerSettings(
        container.sync_target,
        container.sync,
        tuple(sent.Import(one.image, one.source, one.destination) for one in container.imports),
        sent.Iteration(iterate.processes_to_kill, iterate.build_commands) if iterate else None,
    )


def _relative(path: Path, selection: Selection) -> str:
    """Give a path as the manifest names it.

    Raises:
        AlcoveError: it is outside of what is synchronized.
    """
    real = Path(os.path.realpath(path.parent)) / path.name if path.name else path
    for candidate in (real, Path(os.path.realpath(path))):
        if candidate.is_relative_to(selection.root):
            relative = PurePosixPath(candidate.relative_to(selection.root).as_posix())
            return "" if str(relative) == "." else str(relative)
    raise AlcoveError(f"{path} is outside of {selection.root}")


def _plain(tree: Any) -> Any:
    """Give a tree of plain dictionaries and lists."""
    if isinstance(tree, Mapping):
        return {str(key): _plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_plain(value) for value in tree]
    return tree
