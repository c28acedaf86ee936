"""The objects of a cluster as they are now: one watch per resource, and one signal for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from alcove import aio
from alcove.app.observation.fetching import SERVICE_CIDRS
from alcove.kube import errors, resources
from alcove.kube.client import EVERYTHING, KubeClient, Object, Selection, WatchEvent, object_key
from alcove.kube.resources import Resource

LIMIT_RANGES = Resource("", "v1", "limitranges", "LimitRange")
_RETRY_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """One watch: which objects, under which name they are asked for."""

    name: str
    resource: Resource
    selection: Selection = EVERYTHING
    optional: bool = False
    """Whether a cluster may not serve it: then there is none of it."""


def watched_by_controlplane(namespace: str) -> tuple[Watched, ...]:
    """Give everything that the control plane looks at; ``namespace`` is its own."""
    return (
        Watched("namespaces", resources.NAMESPACES),
        Watched("services", resources.SERVICES),
        Watched("slices", resources.ENDPOINT_SLICES),
        Watched("ingresses", resources.INGRESSES),
        Watched("nodes", resources.NODES),
        Watched("ranges", SERVICE_CIDRS, optional=True),
        Watched("limits", LIMIT_RANGES),
        Watched("proxies", resources.PODS, Selection(labels="alcove.dev/injected=true")),
        Watched("own", resources.PODS, Selection(namespace=namespace)),
    )


class ObjectStore:
    """What was observed, by watch and by namespace and name. All methods belong to the loop's thread."""

    def __init__(self, names: Iterable[str]) -> None:
        """Know nothing of these watches yet."""
        self._objects: dict[str, dict[tuple[str, str], Object]] = {name: {} for name in names}
        self._pending = set(self._objects)
        self._listing: dict[str, set[tuple[str, str]]] = {}
        """What the watches that began anew have told so far."""
        self._waiting: list[asyncio.Event] = []

    @property
    def observed(self) -> bool:
        """Whether everything has been listed once."""
        return not self._pending

    @property
    def pending(self) -> tuple[str, ...]:
        """The watches that have not listed yet."""
        return tuple(sorted(self._pending))

    def items(self, name: str) -> list[Object]:
        """Give the objects of a watch."""
        return list(self._objects[name].values())

    def all_items(self, names: Iterable[str]) -> list[Object]:
        """Give the objects of several watches, of which some may not have begun."""
        return [item for name in names for item in self._objects.get(name, {}).values()]

    def find(self, name: str, namespace: str, key: str) -> Object | None:
        """Give one object of a watch."""
        return self._objects[name].get((namespace, key))

    def begin(self, name: str) -> None:
        """Expect a watch to tell everything from the beginning; until it has, what is known stays."""
        self._objects.setdefault(name, {})
        self._listing[name] = set()

    def end(self, name: str) -> None:
        """Forget a watch and what it told."""
        self._objects.pop(name, None)
        self._listing.pop(name, None)
        self._tell()

    def has_listed(self, name: str) -> bool:
        """Tell whether a watch has told everything once."""
        return name in self._objects and name not in self._listing and name not in self._pending

    def take(self, name: str, event: WatchEvent) -> None:
        """Take in what a watch told."""
        objects, key = self._objects[name], object_key(event.object)
        if event.type == "SYNCED":
            told = self._listing.pop(name, objects.keys())
            self._objects[name] = {key: item for key, item in objects.items() if key in told}
            self._pending.discard(name)
        elif event.type == "DELETED":
            objects.pop(key, None)
        else:
            self._listing.get(name, set()).add(key)
            objects[key] = _without_bookkeeping(event.object)
        self._tell()

    def _tell(self) -> None:
        for waiting in self._waiting:
            waiting.set()

    @contextlib.contextmanager
    def changes(self) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever something changed; whoever waits for it clears it."""
        changed = asyncio.Event()
        changed.set()
        self._waiting.append(changed)
        try:
            yield changed
        finally:
            self._waiting.remove(changed)


async def follow_cluster(client: KubeClient, store: ObjectStore, watches: Iterable[Watched]) -> None:
    """Keep ``store`` up to date until cancelled; what a watch meets is logged and tried again."""
    async with aio.open_background(name="watch") as background:
        for each in watches:
            background.start(_follow(client, store, each), name=each.name)
        await asyncio.Event().wait()


async def _follow(client: KubeClient, store: ObjectStore, watched: Watched) -> None:
    while True:
        store.begin(watched.name)
        try:
            async with contextlib.aclosing(client.watch(watched.resource, watched.selection)) as events:
                async for event in events:
                    store.take(watched.name, event)
        except errors.KubeError as error:
            if watched.optional and _not_served(error):
                store.take(watched.name, WatchEvent("SYNCED", {}))
                return
            _log.warning("cannot watch %s: %s", watched.resource, error)
        await asyncio.sleep(_RETRY_SECONDS)


def _not_served(error: errors.KubeError) -> bool:
    return isinstance(error, errors.NotFoundError) or error.code in (405, 501)


def _without_bookkeeping(item: Object) -> Object:
    """Leave out what nobody here reads and what is half of many objects."""
    meta: Mapping[str, object] = item.get("metadata") or {}
    return {**item, "metadata": {key: value for key, value in meta.items() if key != "managedFields"}}
