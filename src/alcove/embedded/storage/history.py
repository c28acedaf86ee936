"""What happened lately, remembered once per resource for every watcher of it.

A watcher is a cursor (``Subscription``): events lie in the resource's history and are read in batches, so
that a hundred watchers cost a hundred wake-ups and no copies. What falls out of the history is lost to the
watchers that had not read it yet; they are told so (410) and list again.
"""

from __future__ import annotations

import asyncio
import heapq
from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import itemgetter

from alcove.embedded.faults import expired
from alcove.embedded.objects import StoredObject, StoreEvent

EVENTS_KEPT = 10_000
SECONDS_KEPT = 300.0
BYTES_KEPT = 8 << 20
"""Of encoded objects; their parsed form takes several times that."""
_APPENDS_PER_PRUNE = 128


class History:
    """The latest events of one resource."""

    def __init__(self, revision: int, clock: Callable[[], float]) -> None:
        """Begin after ``revision``: nothing before it is known."""
        self.events: list[StoreEvent] = []
        self.first = 0
        """How many events have been dropped: the index of ``events[0]`` since the beginning."""
        self.forgotten = revision
        """Events up to this revision are no longer here."""
        self.waiters: set[asyncio.Future[None]] = set()
        self._times: list[float] = []
        self._bytes = 0
        self._clock = clock

    def append(self, event: StoreEvent) -> None:
        """Remember an event and wake who waits for one."""
        self.events.append(event)
        self._times.append(self._clock())
        self._bytes += len(event.current.encoded)
        if len(self.events) % _APPENDS_PER_PRUNE == 0:
            self.prune()
        if self.waiters:
            for waiter in self.waiters:
                _wake(waiter)
            self.waiters.clear()

    def prune(self) -> None:
        """Forget what is over the bounds of number, age and size."""
        events = self.events
        oldest = self._clock() - SECONDS_KEPT
        drop = max(0, len(events) - EVENTS_KEPT)
        freed = sum(len(event.current.encoded) for event in events[:drop])
        while drop < len(events) and (
            self._times[drop] < oldest or (self._bytes - freed > BYTES_KEPT and drop < len(events) - 1)
        ):
            freed += len(events[drop].current.encoded)
            drop += 1
        if drop:
            self.forgotten = events[drop - 1].current.revision
            self.first += drop
            self._bytes -= freed
            del events[:drop], self._times[:drop]

    def index_after(self, revision: int) -> int:
        """Give the cursor that reads everything after ``revision``.

        Raises:
            ApiError: 410 when some of it has been forgotten.
        """
        if revision < self.forgotten:
            raise too_old(revision, self.forgotten)
        return self.first + bisect_right(self.events, revision, key=_revision_of)

    def undo(self, objects: Sequence[StoredObject], revision: int) -> list[StoredObject]:
        """Give ``objects``, the present ones, as they were at ``revision``.

        Raises:
            ApiError: 410 when that is too long ago.
        """
        later = self.events[self.index_after(revision) - self.first :]
        if not later:
            return list(objects)
        state = {stored.key: stored for stored in objects}
        for event in reversed(later):
            if event.previous is None:
                state.pop(event.current.key, None)
            else:
                state[event.current.key] = event.previous
        return sorted(state.values(), key=itemgetter(0))


class Subscription:
    """One watcher's place in the histories of some resources."""

    def __init__(self, histories: Sequence[History], revision: int) -> None:
        """Start after ``revision``.

        Raises:
            ApiError: 410 when the events after it are no longer all known.
        """
        self._histories = list(histories)
        self._cursors = [history.index_after(revision) for history in histories]

    def read(self) -> list[StoreEvent]:
        """Give what happened since the last call, by revision; empty when nothing did.

        Raises:
            ApiError: 410 when some of it has been forgotten meanwhile.
        """
        batches = []
        for number, history in enumerate(self._histories):
            cursor = self._cursors[number]
            if cursor < history.first:
                raise too_old(0, history.forgotten)
            if fresh := history.events[cursor - history.first :]:
                self._cursors[number] = cursor + len(fresh)
                batches.append(fresh)
        if len(batches) > 1:
            return list(heapq.merge(*batches, key=_revision_of))
        return batches[0] if batches else []

    async def wait(self, seconds: float | None = None) -> None:
        """Return when there is something to read, or after ``seconds``."""
        for history, cursor in zip(self._histories, self._cursors, strict=True):
            if history.first + len(history.events) > cursor:
                return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        for history in self._histories:
            history.waiters.add(waiter)
        alarm = None if seconds is None else loop.call_later(seconds, _wake, waiter)
        try:
            await waiter
        finally:
            if alarm is not None:
                alarm.cancel()
            for history in self._histories:
                history.waiters.discard(waiter)


def too_old(revision: int, forgotten: int) -> Exception:
    """Give the 410 for a revision that can no longer be watched from."""
    return expired(f"too old resource version: {revision} ({forgotten})")


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _revision_of(event: StoreEvent) -> int:
    return event.current.revision
