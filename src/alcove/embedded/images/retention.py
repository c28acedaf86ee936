"""Which images and layers are kept when nobody asks for them any longer. Pure.

Only what Alcove itself built for a session is ever forgotten by name: its images come by the dozen each hour.
What somebody loaded or built by hand stays until it is removed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from alcove.sessions.ids import parse_tag


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is kept."""

    builds: int = 32
    """Images of sessions that no pod uses, the newest one of each."""
    cache_seconds: float = 7 * 24 * 3600.0
    """For how long layers that no image has are kept for the next build."""
    cache_bytes: int = 4 << 30
    """What these layers may take together."""


@dataclass(frozen=True, slots=True)
class InUse:
    """What the pods of the node use."""

    names: Collection[str] = ()
    """Normalised references of all their containers, those that have not started too."""
    layers: Collection[Path] = ()
    """Layers of running containers."""


class SpareLayer(NamedTuple):
    """A layer that no image has."""

    name: str
    used_at: float
    """Unix time of when it was made or used by a build."""
    size: int


def obsolete_names(named: Mapping[str, float], in_use: InUse, retention: Retention) -> list[str]:
    """Give the session images to forget, of ``named`` with the times of their builds (Unix seconds).

    A newer build of a session makes the ones before it obsolete, but for those that pods still use: the old
    version serves until the new one is ready.
    """
    newest: dict[tuple[str, str], tuple[int, float, str]] = {}
    spare: list[str] = []
    for name, built_at in named.items():
        repository, _, text = name.rpartition(":")
        tag = parse_tag(text)
        if tag is None:
            continue
        spare.append(name)
        mark = (tag.build, built_at, name)
        newest[repository, tag.session] = max(mark, newest.get((repository, tag.session), mark))
    latest = sorted(newest.values(), key=lambda mark: mark[1], reverse=True)
    unused = [name for _, _, name in latest if name not in in_use.names]
    kept = {*unused[: retention.builds], *in_use.names}
    return [name for name in spare if name not in kept]


def obsolete_layers(spare: Iterable[SpareLayer], now: float, retention: Retention) -> list[str]:
    """Give the layers to remove: those unused for too long, and the longest unused of what is too much.

    Those used after ``now``, when the question was asked, are of an image that is being made.
    """
    gone: list[str] = []
    left = retention.cache_bytes
    old = (layer for layer in spare if layer.used_at <= now)
    for layer in sorted(old, key=lambda layer: layer.used_at, reverse=True):
        left -= layer.size
        if layer.used_at <= now - retention.cache_seconds or left < 0:
            gone.append(layer.name)
    return gone
