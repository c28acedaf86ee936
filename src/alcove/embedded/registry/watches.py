"""Watches: what there is, then what happens, as far as each watcher wants to see it.

The events are the store's own and shared; a watcher who has selectors also sees objects enter and leave its
selection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

import msgspec

from alcove.embedded.faults import ApiError, invalid
from alcove.embedded.objects import ResourceType, StoredObject, StoreEvent
from alcove.embedded.ports import RawEvent, WatchOptions
from alcove.embedded.registry.lists import (
    NOT_OLDER,
    match_forbidden,
    parse_revision,
    refuse_future,
    selection,
)
from alcove.embedded.registry.selectors import Predicate
from alcove.embedded.registry.versions import view
from alcove.embedded.storage import ObjectStore, Subscription

BOOKMARK_SECONDS = 60.0


class _Scope(NamedTuple):
    """What a watcher wants to see."""

    type: ResourceType
    namespace: str | None
    selects: Predicate | None

    def initial(self, found: Iterable[StoredObject]) -> list[StoredObject]:
        return [
            view(self.type, stored) for stored in found if self.selects is None or self.selects(stored.object)
        ]

    def event(self, event: StoreEvent) -> RawEvent | None:
        """Give the event as this watcher sees it, None when it does not."""
        current = event.current
        if self.namespace is not None and current.key.namespace != self.namespace:
            return None
        if self.selects is None:
            return RawEvent(event.type, view(self.type, current), current.revision)
        was = event.previous is not None and self.selects(event.previous.object)
        is_in = event.type != "DELETED" and self.selects(current.object)
        if is_in:
            return RawEvent("MODIFIED" if was else "ADDED", view(self.type, current), current.revision)
        if not was:
            return None
        gone = current if event.type == "DELETED" else _left(event)
        return RawEvent("DELETED", view(self.type, gone), current.revision)


def _left(event: StoreEvent) -> StoredObject:
    """Give the object as it was before it left a selection, with the revision of its leaving."""
    previous, current = event.previous or event.current, event.current
    inner = {**previous.object["metadata"], "resourceVersion": str(current.revision)}
    item = {**previous.object, "metadata": inner}
    return StoredObject(current.key, item, current.revision, msgspec.json.encode(item))


def open_watch(
    store: ObjectStore, resource_type: ResourceType, namespace: str | None, options: WatchOptions
) -> AsyncIterator[RawEvent]:
    """Give the events of a watch; what is wrong with its options is raised at once.

    Raises:
        ApiError: 400, 422 or 504 for the options, 410 when its revision is no longer known.
    """
    _check_watch(options)
    selects = selection(resource_type, options.label_selector, options.field_selector)
    scope = _Scope(resource_type, namespace, selects)
    version = options.resource_version
    start = parse_revision(version or "0")
    refuse_future(store, start)
    initial: list[StoredObject] = []
    with_initial = options.send_initial_events or start == 0
    if with_initial:
        initial = scope.initial(store.list(resource_type.resource, namespace))
    subscription = store.subscribe(resource_type.resource, revision=None if with_initial else start)
    return _stream(store, scope, subscription, initial, options)


def _check_watch(options: WatchOptions) -> None:
    match = options.resource_version_match
    why = ""
    if options.send_initial_events and match != NOT_OLDER:
        why = f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER}"
    elif match and not options.send_initial_events:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    if why:
        raise invalid("ListOptions", "meta.k8s.io", "", [match_forbidden(why)])


async def _stream(
    store: ObjectStore,
    scope: _Scope,
    subscription: Subscription,
    initial: list[StoredObject],
    options: WatchOptions,
) -> AsyncIterator[RawEvent]:
    revision = store.revision
    for stored in initial:
        yield RawEvent("ADDED", stored, stored.revision)
    initial.clear()
    if options.send_initial_events and options.allow_bookmarks:
        yield RawEvent("BOOKMARK", None, revision, initial_end=True)
    clock = asyncio.get_running_loop().time
    end = clock() + options.seconds if options.seconds is not None else None
    bookmark = clock() + BOOKMARK_SECONDS if options.allow_bookmarks else None
    while True:
        try:
            events = subscription.read()
        except ApiError as error:
            yield RawEvent("ERROR", None, status=error.status())
            return
        for event in events:
            if (seen := scope.event(event)) is not None:
                yield seen
        if events:
            continue
        now = clock()
        over = end is not None and now >= end
        if bookmark is not None and (over or now >= bookmark):
            yield RawEvent("BOOKMARK", None, store.revision)
            bookmark = now + BOOKMARK_SECONDS
        if over:
            return
        await subscription.wait(_until(now, end, bookmark))


def _until(now: float, *times: float | None) -> float | None:
    known = [max(0.0, time - now) for time in times if time is not None]
    return min(known) if known else None
