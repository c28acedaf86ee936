"""What a save leads to: nothing, a copy, a restart in the container, or a new image; each with its reason.

The questions come in this order: what shapes the image, what cannot be applied in place, what a running
process reads by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from alcove.sync import paths
from alcove.sync.patterns import SyncPatterns


class Kind(IntEnum):
    """From the least to the most that has to be done."""

    NOTHING = 0
    COPY = 1
    RESTART = 2
    REBUILD = 3


@dataclass(frozen=True, slots=True)
class Update:
    """What is to be done, and why."""

    kind: Kind
    reason: str
    """For a user: ``src/app.py is synchronized (src/**), then the process is restarted``."""
    path: str = ""


@dataclass(frozen=True, slots=True)
class UpdateRules:
    """What ``azds.yaml`` says about saves; paths are those of the manifest."""

    shaping: Mapping[str, str] = field(default_factory=dict)
    """What shapes image and release, by path (a directory means all that is in it), as it is called:
    ``{"Dockerfile": "the Dockerfile", "charts/web": "the chart"}``."""
    sync: SyncPatterns | None = None
    """``container.sync``; nothing where there is no ``container``."""
    iterates: bool = False
    """Whether ``container.iterate`` is there."""
    directory: str = ""
    """Where the patterns' paths begin, and what ``syncTarget`` is the copy of."""


STATIC_SUFFIXES = frozenset(
    [
        ".html",
        ".htm",
        ".xhtml",
        ".css",
        ".cshtml",
        ".razor",
        ".scss",
        ".less",
        ".map",
        ".svg",
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".webp",
        ".avif",
        ".bmp",
        ".ico",
        ".cur",
        ".woff",
        ".woff2",
        ".ttf",
        ".otf",
        ".eot",
        ".mp3",
        ".mp4",
        ".webm",
        ".ogg",
        ".wav",
        ".pdf",
        ".webmanifest",
    ]
)
"""Files that are read anew for each request, by the end of their names."""

STATIC_DIRECTORIES = frozenset({"wwwroot", "public", "static"})
"""Directories of which the same is true for all that is in them."""


def is_static(path: str) -> bool:
    """Tell whether a running process serves a file as it is on the disk."""
    *directories, name = path.lower().split("/")
    return not STATIC_DIRECTORIES.isdisjoint(directories) or any(
        name.endswith(one) for one in _suffixes(name)
    )


def _suffixes(name: str) -> Iterable[str]:
    suffix = name[name.rfind(".") :] if "." in name else ""
    return (suffix,) if suffix in STATIC_SUFFIXES else ()


def choose_update(path: str, rules: UpdateRules, *, ignored_by: str = "") -> Update:
    """Decide what the change of one path leads to; ``ignored_by`` is the rule by which it does not count."""
    shape = _find_shape(path, rules.shaping)
    if shape:
        return Update(Kind.REBUILD, f"{path} is {shape}: the image is built and the release upgraded", path)
    if ignored_by:
        return Update(Kind.NOTHING, f"{path} is ignored by {ignored_by}", path)
    unsynced = _find_unsynced(path, rules)
    if unsynced:
        return Update(Kind.REBUILD, f"{path} {unsynced}: the image is built anew", path)
    if not rules.iterates:
        return Update(
            Kind.COPY, f"{path} is copied; there is no 'iterate' section that says how to restart", path
        )
    inside = _inside(path, rules.directory)
    if is_static(inside):
        return Update(Kind.COPY, f"{path} is a static file: it is copied, nothing is restarted", path)
    return Update(Kind.RESTART, f"{path} is copied, then the 'iterate' section builds and restarts", path)


def _find_shape(path: str, shaping: Mapping[str, str]) -> str:
    found = [(place, name) for place, name in shaping.items() if paths.is_below(path, place)]
    if not found:
        return ""
    place, name = max(found, key=lambda one: len(one[0]))
    return name if place == path else f"part of {name}"


def _find_unsynced(path: str, rules: UpdateRules) -> str:
    if rules.sync is None:
        return "cannot be updated in place, since azds.yaml has no 'container' section"
    if not paths.is_below(path, rules.directory):
        return f"is outside of {rules.directory}, which is what 'sync' is about"
    selected, pattern = rules.sync.explain(_inside(path, rules.directory))
    if selected:
        return ""
    return f"is left out of 'sync' by {pattern}" if pattern else "is not selected by 'sync'"


def _inside(path: str, directory: str) -> str:
    return path[len(directory) + 1 :] if directory else path


def combine(updates: Iterable[Update]) -> Update:
    """Give what a batch leads to: the most that one of its paths needs."""
    strongest = Update(Kind.NOTHING, "nothing that counts has changed")
    for one in updates:
        if one.kind > strongest.kind or (strongest.kind is Kind.NOTHING and not strongest.path):
            strongest = one
    return strongest
