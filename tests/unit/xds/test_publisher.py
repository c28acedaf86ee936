from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.unit.xds.proxies import snapshot

from alcove.errors import UnavailableError
from alcove.xds.publisher import Closing, Ending, Publisher
from alcove.xds.resources import CLUSTER

ONE, TWO = snapshot((CLUSTER, "a", "1")), snapshot((CLUSTER, "a", "2"))


def test_publishing_wakes_the_nodes_seats() -> None:
    publisher = Publisher()
    with publisher.connect("n") as seat, publisher.connect("other") as other:
        seat.changed.clear()
        other.changed.clear()
        sequence = publisher.publish("n", ONE)
        assert seat.changed.is_set()
        assert not other.changed.is_set()
        assert seat.latest
        assert (seat.latest.sequence, seat.latest.snapshot) == (sequence, ONE)


def test_an_equal_snapshot_is_no_change() -> None:
    publisher = Publisher()
    first = publisher.publish("n", ONE)
    with publisher.connect("n") as seat:
        seat.changed.clear()
        assert publisher.publish("n", snapshot((CLUSTER, "a", "1"))) == first
        assert not seat.changed.is_set()
    assert publisher.publish("n", TWO) > first


async def test_every_stream_of_a_node_must_have_answered() -> None:
    publisher = Publisher()
    sequence = publisher.publish("n", ONE)
    async with asyncio.TaskGroup() as group:
        with publisher.connect("n") as slow, publisher.connect("n") as quick:
            waiting = group.create_task(publisher.wait_acked("n", sequence))
            await asyncio.sleep(0)
            quick.settle(sequence)
            await asyncio.sleep(0)
            assert not waiting.done()
            slow.settle(sequence)
            assert (await waiting).acked == sequence


async def test_a_stream_that_ends_is_no_longer_waited_for() -> None:
    publisher = Publisher()
    sequence = publisher.publish("n", ONE)
    async with asyncio.TaskGroup() as group:
        with publisher.connect("n") as stays:
            with publisher.connect("n"):
                waiting = group.create_task(publisher.wait_acked("n", sequence))
                stays.settle(sequence)
                await asyncio.sleep(0)
                assert not waiting.done()
            assert (await waiting).streams == 1


async def test_a_later_answer_counts_for_earlier_ones() -> None:
    publisher = Publisher()
    first, second = publisher.publish("n", ONE), publisher.publish("n", TWO)
    with publisher.connect("n") as seat:
        seat.settle(second)
        seat.settle(first)
        assert (await publisher.wait_acked("n", first)).acked == second


async def test_nobody_waits_for_a_node_that_is_gone() -> None:
    publisher = Publisher()
    sequence = publisher.publish("n", ONE)
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(publisher.wait_acked("n", sequence))
            await asyncio.sleep(0)
            publisher.withdraw("n")
    assert caught.group_contains(UnavailableError, match="nothing is published to node n")
    with pytest.raises(UnavailableError):
        await publisher.wait_acked("n", 1)
    assert publisher.statuses() == []


async def test_a_waiter_that_gives_up_leaves_nothing_behind() -> None:
    publisher = Publisher()
    sequence = publisher.publish("n", ONE)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await publisher.wait_acked("n", sequence)
    publisher.withdraw("n")
    assert publisher.statuses() == []


def test_unknown_nodes_are_forgotten_when_they_leave() -> None:
    publisher = Publisher()
    with publisher.connect("n") as seat:
        assert seat.latest is None
        assert [status.streams for status in publisher.statuses()] == [1]
    assert publisher.statuses() == []
    assert publisher.status("n").sequence == 0


def test_the_oldest_of_too_many_streams_is_closed() -> None:
    publisher = Publisher()
    with contextlib.ExitStack() as stack:
        seats = [stack.enter_context(publisher.connect("n")) for _ in range(5)]
    assert seats[0].closing == Closing(Ending.CLOSED, "the node has more than 4 streams open")
    assert [seat.closing for seat in seats[1:]] == [None] * 4


def test_the_first_reason_to_close_stands() -> None:
    publisher = Publisher()
    with publisher.connect("n") as seat:
        publisher.close_streams("one")
        seat.close(Ending.PROTOCOL, "two")
        assert seat.closing
        assert seat.closing.reason == "one"
