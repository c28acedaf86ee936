"""Follows a resource through interruptions: list, watch from there, and recover.

``Replica`` is the decision, without I/O: it knows what was told last, and turns a new list into the events
that lead there. ``follow`` is the loop around it. A watch that ends or breaks is resumed from the last
revision; when the server no longer has that (410), everything is listed again.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from alcove.kube.client import Listing, Object, WatchEvent, object_key
from alcove.kube.errors import GoneError, KubeError, UnreachableError, from_status


class WatchSource(Protocol):
    """One resource of a server, as it is listed and watched once."""

    async def list(self) -> Listing:
        """Give all objects of one revision."""

    def stream(self, resource_version: str) -> AsyncGenerator[Object, None]:
        """Yield the raw events (``type``, ``object``) after a revision, until the server ends the watch."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between attempts, in seconds: doubling, bounded, and spread by chance."""

    first: float = 0.1
    longest: float = 30.0

    def delay(self, failures: int, chance: float) -> float:
        """Give the delay after ``failures`` in a row; ``chance`` is in [0, 1)."""
        whole = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        return whole * (0.5 + chance / 2)


class Pause(NamedTuple):
    """How the loop waits; tests wait for nothing."""

    sleep: Callable[[float], Awaitable[None]]
    backoff: Backoff = Backoff()
    chance: Callable[[], float] = random.random


class Replica:
    """What a watcher has been told."""

    def __init__(self) -> None:
        """Know nothing."""
        self._objects: dict[tuple[str, str], Object] = {}
        self.resource_version = ""
        """Where to resume; empty when everything must be listed."""

    def list_again(self, listing: Listing) -> Iterator[WatchEvent]:
        """Give the events that lead from what was told to ``listing``, deletions first."""
        found = {object_key(item): item for item in listing.items}
        for key in self._objects.keys() - found.keys():
            yield WatchEvent("DELETED", self._objects[key])
        for key, item in found.items():
            known = self._objects.get(key)
            if known is not None and not _same_object(known, item):
                yield WatchEvent("DELETED", known)
                known = None
            if known is None:
                yield WatchEvent("ADDED", item)
            elif _revision(known) != _revision(item):
                yield WatchEvent("MODIFIED", item)
        self._objects = found
        self.resource_version = listing.resource_version

    def take(self, event: Object) -> WatchEvent | None:
        """Take one raw event in; give what it tells the watcher, if anything.

        Raises:
            KubeError: it is the server's ERROR event; GoneError when everything must be listed again.
        """
        kind, item = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            raise from_status(item.get("code") or 500, item)
        self.resource_version = _revision(item) or self.resource_version
        if kind not in ("ADDED", "MODIFIED", "DELETED"):
            return None
        key = object_key(item)
        if kind == "DELETED":
            self._objects.pop(key, None)
        else:
            kind = "MODIFIED" if key in self._objects else "ADDED"
            self._objects[key] = item
        return WatchEvent(kind, item)


async def follow(source: WatchSource, pause: Pause) -> AsyncGenerator[WatchEvent, None]:
    """Yield ADDED for all there is, one SYNCED, and each change, for as long as the caller listens.

    Raises:
        KubeError: before SYNCED, or when retrying cannot mend it.
    """
    replica = Replica()
    for event in replica.list_again(await source.list()):
        yield event
    yield WatchEvent("SYNCED", {})
    failures = 0
    while True:
        heard = False
        try:
            if not replica.resource_version:
                for event in replica.list_again(await source.list()):
                    yield event
            async with aclosing(_changes(source, replica)) as changes:
                async for change in changes:
                    failures, heard = 0, True
                    if change is not None:
                        yield change
        except GoneError:
            replica.resource_version = ""
            failures += 1
        except KubeError as error:
            if not _may_pass(error):
                raise
            failures += 1
        else:
            if heard:
                continue
            failures = 1
        await pause.sleep(pause.backoff.delay(failures, pause.chance()))


async def _changes(source: WatchSource, replica: Replica) -> AsyncGenerator[WatchEvent | None, None]:
    async with aclosing(source.stream(replica.resource_version)) as stream:
        async for event in stream:
            yield replica.take(event)


def _may_pass(error: KubeError) -> bool:
    return isinstance(error, UnreachableError) or error.code >= 500


def _revision(item: Object) -> str:
    return str((item.get("metadata") or {}).get("resourceVersion") or "")


def _same_object(one: Object, other: Object) -> bool:
    uids = [(item.get("metadata") or {}).get("uid") for item in (one, other)]
    return uids[0] == uids[1]
