"""What a session needs next: pure decisions."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

from alcove.sessions.settings import BuildSettings, UpSettings
from alcove.sync import paths, updates
from alcove.sync.manifest import Changes, Manifest, diff
from alcove.sync.patterns import SyncPatterns
from alcove.sync.updates import Kind, Update, UpdateRules

FindManifest = Callable[[str], Manifest | None]

UNKNOWN = "?"
_SEPARATOR = "."
_PENDING = "+"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last deployment that was begun."""

    build: int
    manifest: str
    settings: str
    """``deployment_key`` of what it was begun with."""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user wants to run now."""

    settings: UpSettings
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Applied:
    """What an agent says that its container holds, as the hub told it.

    On the wire: ``MANIFEST.COMMAND``, with a ``+`` behind while the command has not been started again.
    """

    manifest: str = ""
    """Empty: the image as it was built; ``?``: not known."""
    command: str = ""
    pending: bool = False
    """Whether the files are there and the command has not been started again yet."""

    def __str__(self) -> str:
        return f"{self.manifest}{_SEPARATOR}{self.command}{_PENDING if self.pending else ''}"


def parse_applied(text: str) -> Applied:
    """Read what an agent says; what is not ours is not known."""
    if not text:
        return Applied()
    manifest, separator, command = text.partition(_SEPARATOR)
    if not separator or manifest == UNKNOWN:
        return Applied(UNKNOWN)
    return Applied(manifest, command.removesuffix(_PENDING), command.endswith(_PENDING))


def deployment_key(settings: UpSettings) -> str:
    """Give what tells whether a chart has to be installed anew, files aside."""
    return _key((settings.build, settings.install, settings.space, settings.debug, _sync_key(settings)))


def command_key(settings: UpSettings) -> str:
    """Give what tells one command from another."""
    return _key(settings.command)[:12]


def rules_of(settings: UpSettings) -> UpdateRules:
    """Give by which rules a changed file is treated."""
    container, install = settings.container, settings.install
    shaping = dict.fromkeys(install.values, "a values file")
    shaping |= dict.fromkeys(_ignore_files(settings.build), "the build's ignore file")
    shaping |= {
        settings.config_file: "azds.yaml",
        settings.build.dockerfile: "the Dockerfile",
        install.chart: "the chart",
    }
    return UpdateRules(
        shaping,
        _read_patterns(container.sync) if container else None,
        iterates=container is not None and container.iterate is not None,
        directory=settings.project.prefix,
    )


def needs_deployment(
    attempt: Attempt | None, wanted: Wanted, find: FindManifest, *, settled: Wanted | None = None
) -> str:
    """Give why the chart has to be installed with a new image; empty when it has not.

    ``settled`` is what was found not to need it with the same attempt: what has not changed since is not
    looked at again, so a save costs what it changed.
    """
    if attempt is None:
        return "the first time"
    if attempt.settings != deployment_key(wanted.settings):
        return "the settings changed"
    if attempt.manifest == wanted.manifest.id:
        return ""
    if attempt.failed:
        return "the last attempt failed"
    if settled is not None and settled.settings == wanted.settings:
        update = judge(diff(settled.manifest, wanted.manifest), wanted.settings)
        if update.kind is not Kind.REBUILD:
            return ""
    before = find(attempt.manifest)
    if before is None:
        return "it is not known any more what the running image was built from"
    update = judge(diff(before, wanted.manifest), wanted.settings)
    return update.reason if update.kind is Kind.REBUILD else ""


def judge(changes: Changes, settings: UpSettings) -> Update:
    """Give what a set of changed files needs as a whole."""
    rules = rules_of(settings)
    return updates.combine([updates.choose_update(path, rules) for path in changes.paths])


def synced(changes: Changes, settings: UpSettings) -> Changes:
    """Give those of the changes that are made in running containers.

    A directory that is there because the chart or the like is below it is of no use there.
    """
    rules = rules_of(settings)
    above = {str(parent) for path in rules.shaping for parent in PurePosixPath(path).parents}

    def is_synced(path: str) -> bool:
        return path not in above and updates.choose_update(path, rules).kind in (Kind.COPY, Kind.RESTART)

    return Changes(
        {path: entry for path, entry in changes.written.items() if is_synced(path)},
        tuple(path for path in changes.removed if is_synced(path)),
    )


def synced_paths(manifest: Manifest, settings: UpSettings) -> Sequence[str]:
    """Give every path that containers are to have as the workstation has it."""
    return tuple(synced(Changes(manifest.entries), settings).written)


def _ignore_files(build: BuildSettings) -> tuple[str, str]:
    return paths.join(build.context, ".dockerignore"), f"{build.dockerfile}.dockerignore"


@functools.lru_cache(64)
def _read_patterns(written: tuple[str, ...]) -> SyncPatterns:
    return SyncPatterns(written)


def _sync_key(settings: UpSettings) -> object:
    container = settings.container
    return (container.sync_target, container.sync, container.imports) if container else None


def _key(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()
