"""Histories: bounded, shared, and honest about what they have forgotten."""

from __future__ import annotations

import asyncio

import pytest

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, ObjectKey, StoredObject, StoreEvent
from alcove.embedded.storage import history as histories
from alcove.embedded.storage.history import History, Subscription


def event(revision: int, *, size: int = 2) -> StoreEvent:
    key = ObjectKey(GroupResource("things"), "", f"thing-{revision}")
    return StoreEvent("ADDED", StoredObject(key, {}, revision, b"x" * size), None)


def history(*revisions: int, clock: float = 0.0) -> History:
    made = History(0, lambda: clock)
    for revision in revisions:
        made.append(event(revision))
    return made


def revisions(subscription: Subscription) -> list[int]:
    return [each.current.revision for each in subscription.read()]


def test_a_subscription_reads_each_event_once() -> None:
    made = history(1, 2, 3)
    subscription = Subscription([made], 1)
    assert revisions(subscription) == [2, 3]
    made.append(event(4))
    assert revisions(subscription) == [4]
    assert revisions(subscription) == []


def test_several_histories_are_read_by_revision() -> None:
    subscription = Subscription([history(1, 4, 5), history(2, 3, 6)], 0)
    assert revisions(subscription) == [1, 2, 3, 4, 5, 6]


def test_the_number_of_events_is_bounded() -> None:
    made = history(*range(1, 2 * histories.EVENTS_KEPT + 1))
    made.prune()
    assert len(made.events) == histories.EVENTS_KEPT
    assert made.forgotten == histories.EVENTS_KEPT


def test_the_size_of_events_is_bounded_but_the_last_one_stays() -> None:
    made = History(0, lambda: 0.0)
    for revision in range(1, 4):
        made.append(event(revision, size=histories.BYTES_KEPT))
    made.prune()
    assert [each.current.revision for each in made.events] == [3]


def test_old_events_are_forgotten() -> None:
    now = 0.0
    made = History(0, lambda: now)
    made.append(event(1))
    now = histories.SECONDS_KEPT
    made.append(event(2))
    now += 1
    made.prune()
    assert (made.forgotten, [each.current.revision for each in made.events]) == (1, [2])


def test_a_subscriber_that_lags_behind_the_history_is_told() -> None:
    now = 0.0
    made = History(0, lambda: now)
    subscription = Subscription([made], 0)
    made.append(event(1))
    now = histories.SECONDS_KEPT + 1
    made.prune()
    with pytest.raises(ApiError) as raised:
        subscription.read()
    assert raised.value.code == 410


def test_a_subscriber_that_had_read_everything_outlives_the_pruning() -> None:
    now = 0.0
    made = History(0, lambda: now)
    subscription = Subscription([made], 0)
    made.append(event(1))
    assert revisions(subscription) == [1]
    now = histories.SECONDS_KEPT + 1
    made.prune()
    made.append(event(2))
    assert revisions(subscription) == [2]


async def test_waiting_ends_with_the_next_event_of_any_history() -> None:
    first, second = history(), history()
    subscription = Subscription([first, second], 0)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(subscription.wait())
        await asyncio.sleep(0)
        second.append(event(1))
        await waiting
    assert not first.waiters and not second.waiters
    assert revisions(subscription) == [1]


async def test_waiting_does_not_begin_when_there_is_something_to_read() -> None:
    subscription = Subscription([history(1)], 0)
    async with asyncio.timeout(5):
        await subscription.wait()


async def test_waiting_ends_after_its_time_and_leaves_nothing_behind() -> None:
    made = history()
    async with asyncio.timeout(5):
        await Subscription([made], 0).wait(0.001)
    assert not made.waiters


async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    made = history()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await Subscription([made], 0).wait()
    assert not made.waiters
