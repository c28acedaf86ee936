"""Runs one controller: queues its keys, applies its plans, tells its Events, retries what failed.

A key is worked on by one task at a time, started when it is due and ended with it: nothing runs while
nothing happens. Keys run in parallel up to a limit per controller, so that one that waits (for a webhook)
does not hold up the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from alcove.aio import Background
from alcove.embedded.controllers.actions import (
    NOTHING,
    Action,
    Create,
    Delete,
    Invoke,
    Notice,
    Patch,
    Plan,
    Tell,
    Update,
)
from alcove.embedded.events import EventRecorder
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, ObjectKey, WatchEvent, metadata
from alcove.embedded.ports import ClusterApi

logger = logging.getLogger(__name__)

_PARALLEL = 16
_RETRY_FIRST_SECONDS = 0.02
_RETRY_LAST_SECONDS = 30.0


def _report_nothing(key: ObjectKey, now: float, failure: ApiError | None) -> Plan:
    return NOTHING


@dataclass(frozen=True)
class Controller:
    """One controller, as the driver runs it."""

    name: str
    """Its name in Events: ``deployment-controller``."""
    watched: tuple[GroupResource, ...]
    """The resources whose events it wants; empty for all there are."""
    keys: Callable[[WatchEvent], Iterable[ObjectKey]]
    """The keys that an event concerns, as far as the object itself tells; those that the object concerned
    before are added by the driver."""
    plan: Callable[[ObjectKey, float], Plan]
    """What to do about a key at this time (seconds since the epoch)."""
    report: Callable[[ObjectKey, float, ApiError | None], Plan] = field(default=_report_nothing)
    """What to write into the status after that; the error is why the plan could not be carried out."""


class Driver:
    """Runs ``controller`` with tasks of ``background`` once ``start`` is called."""

    def __init__(
        self, controller: Controller, api: ClusterApi, *, clock: Callable[[], float], background: Background
    ) -> None:
        """Apply plans to ``api``; ``clock`` gives seconds since the epoch."""
        self._controller = controller
        self._api = api
        self._clock = clock
        self._background = background
        self._recorder = EventRecorder(api, controller.name, clock)
        self._started = False
        self._waiting: dict[ObjectKey, None] = {}
        self._active: dict[ObjectKey, bool] = {}
        """The keys worked on, and whether each is to be worked on once more."""
        self._failures: dict[ObjectKey, int] = {}
        self._timers: dict[ObjectKey, asyncio.TimerHandle] = {}
        self._concerned: dict[ObjectKey, tuple[ObjectKey, ...]] = {}

    @property
    def watched(self) -> tuple[GroupResource, ...]:
        """The resources whose events it wants; empty for all."""
        return self._controller.watched

    def start(self) -> None:
        """Begin to work: everything there was at the start has been observed."""
        self._started = True
        self._pump()

    def stop(self) -> None:
        """Forget every deadline; called when the tasks are ended."""
        self._started = False
        for timer in self._timers.values():
            timer.cancel()

    def observe(self, event: WatchEvent) -> None:
        """Queue the keys that an event concerns."""
        meta = metadata(event.object)
        itself = ObjectKey(event.resource, meta.get("namespace", ""), meta["name"])
        try:
            now = tuple(self._controller.keys(event))
        except Exception:
            logger.exception("%s cannot place %s", self._controller.name, "/".join(itself))
            return
        before = self._concerned.pop(itself, ())
        if event.type != "DELETED" and now and now != (itself,):
            self._concerned[itself] = now
        for key in {*now, *before}:
            self._enqueue(key)

    def _pump(self) -> None:
        while self._started and self._waiting and len(self._active) < _PARALLEL:
            key = next(iter(self._waiting))
            del self._waiting[key]
            self._active[key] = False
            self._background.start(self._work(key), name=f"{self._controller.name} {'/'.join(key)}")

    def _enqueue(self, key: ObjectKey) -> None:
        if key in self._active:
            self._active[key] = True
        else:
            self._waiting[key] = None
            self._pump()

    async def _work(self, key: ObjectKey) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()
        try:
            again_at = await self._reconcile(key)
        except Exception:
            # A decision that fails on an object nobody foresaw must not end the cluster's other controllers.
            logger.exception("%s failed on %s", self._controller.name, "/".join(key))
            again_at = self._retry_at(key)
        if again_at is not None:
            delay = max(again_at - self._clock(), 0.001)
            self._timers[key] = asyncio.get_running_loop().call_later(delay, self._enqueue, key)
        if self._active.pop(key):
            self._waiting[key] = None
        self._pump()

    async def _reconcile(self, key: ObjectKey) -> float | None:
        """Plan, apply and report once; give when to look again."""
        plan = self._controller.plan(key, self._clock())
        failure = await self._apply_all(plan.actions)
        told = None if failure and (failure.code == 409 or _is_terminating(failure)) else failure
        report = self._controller.report(key, self._clock(), told)
        failure = await self._apply_all(report.actions) or failure
        if failure and not _is_terminating(failure):
            return self._retry_at(key)
        self._failures.pop(key, None)
        return min((at for at in (plan.again_at, report.again_at) if at is not None), default=None)

    def _retry_at(self, key: ObjectKey) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = _RETRY_FIRST_SECONDS * 2.0 ** min(failures - 1, 20)
        return self._clock() + min(delay, _RETRY_LAST_SECONDS)

    async def _apply_all(self, actions: Sequence[Action]) -> ApiError | None:
        """Apply in order and stop at the first failure."""
        for batch in _batches(actions):
            if len(batch) == 1:
                errors = [await self._apply(batch[0])]
            else:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(self._apply(action)) for action in batch]
                errors = [task.result() for task in tasks]
            if failed := [error for error in errors if error]:
                return failed[0]
        return None

    async def _apply(self, action: Action) -> ApiError | None:
        name = ""
        try:
            name = await self._perform(action)
        except ApiError as error:
            if error.code == 404 and isinstance(action, Patch | Delete | Update):
                return None
            if isinstance(action, Delete) and error.code == 409:
                return None
            if error.code != 409 and not _is_terminating(error) and not isinstance(action, Tell):
                await self._tell(action.failed, "", error)
            return error
        if isinstance(action, Create | Patch | Delete):
            await self._tell(action.done, name, None)
        return None

    async def _perform(self, action: Action) -> str:
        match action:
            case Create(resource, item):
                return str(metadata(await self._api.create(resource, item))["name"])
            case Patch(resource, namespace, name, merge, subresource):
                await self._api.patch(resource, namespace, name, merge, subresource=subresource)
                return name
            case Update(resource, item, subresource):
                await self._api.update(resource, item, subresource=subresource)
            case Delete(resource, namespace, name, uid, propagation):
                await self._api.delete(resource, namespace, name, uid=uid, propagation=propagation)
                return name
            case Tell(notice):
                await self._tell(notice, "", None)
            case Invoke(work):
                try:
                    await asyncio.to_thread(work)
                except OSError as error:
                    raise ApiError(500, "InternalError", str(error)) from error
        return ""

    async def _tell(self, notice: Notice | None, name: str, error: ApiError | None) -> None:
        if notice is None:
            return
        message = notice.message.replace("{name}", name).replace("{error}", error.message if error else "")
        await self._recorder.record(notice.regarding, notice.type, notice.reason, message)


def _is_terminating(error: ApiError) -> bool:
    """Whether the namespace is on its way out, so that trying again is pointless."""
    return any(cause.get("reason") == "NamespaceTerminating" for cause in error.details.get("causes") or ())


def _batches(actions: Sequence[Action]) -> Iterator[Sequence[Action]]:
    """Split into runs to apply at once: creations and deletions in doubling numbers, the rest one by one.

    The first of many creations goes alone, since what refuses one (a quota) mostly refuses all.
    """
    start, size = 0, 1
    while start < len(actions):
        first, end = actions[start], start + 1
        if isinstance(first, Create | Delete):
            while end < min(start + size, len(actions)) and _alike(first, actions[end]):
                end += 1
            size = min(size * 2, _PARALLEL)
        yield actions[start:end]
        start = end


def _alike(first: Create | Delete, other: Action) -> bool:
    return type(other) is type(first) and other.resource == first.resource
