"""The objects in memory, in agreement with the file.

Every object is kept whole: parsed, for rules and selectors, and encoded, for readers. The names of a
resource are kept sorted, so that lists need no sorting and pages can be found.
"""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from alcove.embedded.objects import GroupResource, Object, ObjectKey, StoredObject, StoreEvent
from alcove.embedded.storage.database import Database, damaged_row
from alcove.embedded.storage.history import History, Subscription

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Object).decode


class _Shelf:
    """The objects of one resource."""

    def __init__(self, history: History) -> None:
        self.objects: dict[ObjectKey, StoredObject] = {}
        self.order: list[ObjectKey] = []
        self.history = history


class ObjectStore:
    """Keeps the cluster's objects; the rules of who may write what, and when, are its one writer's."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        """Keep objects in ``database``, which is empty or has been read by ``open``."""
        self._database = database
        self._clock = clock
        self._shelves: dict[GroupResource, _Shelf] = {}
        self._revision = self._opened_at = database.revision()

    @classmethod
    def open(cls, path: Path, *, clock: Callable[[], float] = time.time) -> ObjectStore:
        """Open the store in the file ``path``, with everything that was ever acknowledged.

        Raises:
            DamagedStoreError: the file cannot be read.
            StoreInUseError: another process has it open.
            StoreUnusableError: it cannot be written.
        """
        database = Database.open(path)
        try:
            store = cls(database, clock=clock)
            for key, revision, body in database.rows():
                try:
                    store._remember(StoredObject(key, _decode(body), revision, body))
                except msgspec.MsgspecError as error:
                    raise damaged_row(path, key, str(error)) from error
        except BaseException:
            database.close()
            raise
        return store

    def close(self) -> None:
        """Let the file go; nothing is left to be written."""
        self._database.close()

    @property
    def revision(self) -> int:
        """The revision of the last write."""
        return self._revision

    def resources(self) -> Sequence[GroupResource]:
        """Give the resources that have, or had, objects."""
        return list(self._shelves)

    def get(self, key: ObjectKey) -> StoredObject | None:
        """Give the object, None when there is none."""
        shelf = self._shelves.get(key.resource)
        return None if shelf is None else shelf.objects.get(key)

    def count(self, resource: GroupResource) -> int:
        """Give the number of a resource's objects."""
        shelf = self._shelves.get(resource)
        return 0 if shelf is None else len(shelf.order)

    def list(self, resource: GroupResource, namespace: str | None = None) -> list[StoredObject]:
        """Give a resource's objects by namespace and name; of all namespaces when it is None."""
        shelf = self._shelves.get(resource)
        if shelf is None:
            return []
        objects = shelf.objects
        if namespace is None:
            return [objects[key] for key in shelf.order]
        begin = bisect_left(shelf.order, ObjectKey(resource, namespace, ""))
        end = bisect_left(shelf.order, ObjectKey(resource, namespace + "\0", ""), begin)
        return [objects[key] for key in shelf.order[begin:end]]

    def list_at(
        self, resource: GroupResource, namespace: str | None, revision: int
    ) -> Sequence[StoredObject]:
        """Give what ``list`` gave at ``revision``.

        Raises:
            ApiError: 410 when that is longer ago than the history reaches.
        """
        then = self._shelf(resource).history.undo(self.list(resource, namespace), revision)
        if namespace is None:
            return then
        return [stored for stored in then if stored.key.namespace == namespace]

    def put(self, key: ObjectKey, item: Object) -> StoredObject:
        """Write an object, new or changed; it is the store's from now on and gets its resourceVersion.

        Raises:
            ApiError: 507 when the disk is full; then nothing has changed.
        """
        shelf = self._shelf(key.resource)
        previous = shelf.objects.get(key)
        revision = self._revision + 1
        item["metadata"]["resourceVersion"] = str(revision)
        stored = StoredObject(key, item, revision, _encode(item))
        if previous is None:
            self._database.insert(key, revision, stored.encoded)
            insort(shelf.order, key)
            event = StoreEvent("ADDED", stored, None)
        else:
            self._database.replace(previous.revision, revision, stored.encoded)
            event = StoreEvent("MODIFIED", stored, previous)
        shelf.objects[key] = stored
        self._revision = revision
        shelf.history.append(event)
        return stored

    def remove(self, key: ObjectKey, item: Object | None = None) -> StoredObject:
        """Remove an object that is there; give its last state, with the revision of the removal.

        ``item`` is that last state when it differs from the stored one; it becomes the store's.

        Raises:
            ApiError: 507 when the disk is full; then nothing has changed.
        """
        shelf = self._shelf(key.resource)
        previous = shelf.objects[key]
        revision = self._revision + 1
        last = dict(previous.object if item is None else item)
        last["metadata"] = {**last["metadata"], "resourceVersion": str(revision)}
        stored = StoredObject(key, last, revision, _encode(last))
        self._database.remove(previous.revision, revision)
        del shelf.objects[key]
        del shelf.order[bisect_left(shelf.order, key)]
        self._revision = revision
        shelf.history.append(StoreEvent("DELETED", stored, previous))
        return stored

    def subscribe(self, *resources: GroupResource, revision: int | None = None) -> Subscription:
        """Follow resources from ``revision`` on, from now when it is None.

        Raises:
            ApiError: 410 when the events since then are no longer all known.
        """
        histories = [self._shelf(resource).history for resource in resources]
        return Subscription(histories, self._revision if revision is None else revision)

    def prune_history(self) -> None:
        """Forget events that are too old; to be called now and then, for resources at rest."""
        for shelf in self._shelves.values():
            shelf.history.prune()

    def _shelf(self, resource: GroupResource) -> _Shelf:
        shelf = self._shelves.get(resource)
        if shelf is None:
            shelf = self._shelves[resource] = _Shelf(History(self._opened_at, self._clock))
        return shelf

    def _remember(self, stored: StoredObject) -> None:
        shelf = self._shelf(stored.key.resource)
        shelf.objects[stored.key] = stored
        insort(shelf.order, stored.key)
