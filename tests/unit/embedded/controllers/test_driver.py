"""The driver: one key at a time, keys in parallel, failures apart, deadlines kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any

import pytest
from tests.unit.embedded.controllers.worlds import JumpingLoop, wall_clock
from tests.unit.embedded.fake_api import FakeCluster

from alcove.aio import open_background
from alcove.embedded import faults
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
)
from alcove.embedded.controllers.driver import Controller, Driver
from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, ObjectKey, WatchEvent, labels_of, metadata

MAPS = GroupResource("configmaps")


def key_of(event: WatchEvent) -> Iterable[ObjectKey]:
    return (ObjectKey(MAPS, "n", labels_of(event.object).get("of") or metadata(event.object)["name"]),)


def event(name: str, kind: str = "ADDED", **labels: str) -> WatchEvent:
    return WatchEvent(kind, MAPS, {"metadata": {"name": name, "namespace": "n", "labels": labels}})


class Recording:
    """A controller that notes which keys it plans and gives the plans it was told to."""

    def __init__(self) -> None:
        self.planned: list[str] = []
        self.reported: list[tuple[str, ApiError | None]] = []
        self.plans: Callable[[str, float], Plan] = lambda name, now: NOTHING
        self.controller = Controller("test", (MAPS,), key_of, self._plan, self._report)

    def _plan(self, key: ObjectKey, now: float) -> Plan:
        self.planned.append(key.name)
        return self.plans(key.name, now)

    def _report(self, key: ObjectKey, now: float, failure: ApiError | None) -> Plan:
        self.reported.append((key.name, failure))
        return NOTHING


@contextlib.asynccontextmanager
async def open_driver(recording: Recording, api: FakeCluster) -> AsyncIterator[Driver]:
    async with open_background(name="test") as background:
        driver = Driver(recording.controller, api, clock=wall_clock, background=background)
        driver.start()
        yield driver


def run(scenario: Callable[[Recording, FakeCluster, Driver], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        recording, api = Recording(), FakeCluster(wall_clock)
        async with open_driver(recording, api) as driver:
            await scenario(recording, api, driver)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(main())


def create(name: str) -> Create:
    return Create(MAPS, {"metadata": {"name": name, "namespace": "n"}})


def test_many_events_of_one_key_are_one_look() -> None:
    async def scenario(recording: Recording, api: FakeCluster, driver: Driver) -> None:
        for _ in range(5):
            driver.observe(event("a"))
        await asyncio.sleep(1)
        assert recording.planned == ["a", "a"]  # the first at once, the others together

    run(scenario)


def test_a_key_is_worked_on_by_one_at_a_time_and_again_after_news() -> None:
    async def scenario(recording: Recording, api: FakeCluster, driver: Driver) -> None:
        api.refuse = lambda verb, resource, item: driver.observe(event("a"))
        recording.plans = lambda name, now: Plan([create("made")] if len(recording.planned) == 1 else ())
        driver.observe(event("a"))
        await asyncio.sleep(1)
        assert recording.planned == ["a", "a"]

    run(scenario)


def test_an_object_that_moves_to_another_key_concerns_both() -> None:
    async def scenario(recording: Recording, api: FakeCluster, driver: Driver) -> None:
        driver.observe(event("pod", of="old"))
        await asyncio.sleep(1)
        driver.observe(event("pod", "MODIFIED", of="new"))
        await asyncio.sleep(1)
        assert sorted(recording.planned) == ["new", "old", "old"]

    run(scenario)


def test_a_deadline_is_kept_and_replaced_by_a_newer_plan() -> None:
    async def scenario(recording: Recording, api: FakeCluster, driver: Driver) -> None:
        begun = wall_clock()
        recording.plans = lambda name, now: Plan((), begun + 60) if now < begun + 60 else NOTHING
        driver.observe(event("a"))
        await asyncio.sleep(30)
        driver.observe(event("a"))
        await asyncio.sleep(29)
        assert len(recording.planned) == 2
        await asyncio.sleep(10)
        assert len(recording.planned) == 3

    run(scenario)


def test_failures_are_reported_and_retried_ever_later() -> None:
    async def scenario(recording: Recording, api: FakeCluster, driver: Driver) -> None:
        def refuse(verb: str, resource: str, item: Any) -> None:
            raise faults.forbidden("configmaps", "x", "not now")

        api.refuse = refuse
        recording.plans = lambda name, now: Plan([create("x")])
        driver.observe(event("a"))
        await asyncio.sleep(1)
        assert 4 <= len(recording.planned) <= 8
        assert {failure.reason for _, failure in recording.reported if failure} == {"Forbidden"}
        tried = len(recording.planned)
        await asyncio.sleep(300)
        assert len(recording.planned) - tried <= 20

    run(scenario)


def test_a_key_that_breaks_its_controller_leaves_the_others_alone() -> None:
    async def scenario(recording: Recording, api: FakeCluster, driver: Driver) -> None:
        def plans(name: str, now: float) -> Plan:
            if name == "bad":
                raise KeyError("spec")
            return Plan([create(f"for-{name}")]) if recording.planned.count(name) == 1 else NOTHING

        recording.plans = plans
        driver.observe(WatchEvent("ADDED", MAPS, {"metadata": {"name": "x", "labels": 7}}))
        for name in ("bad", "good"):
            driver.observe(event(name))
        await asyncio.sleep(1)
        assert api.get(MAPS, "n", "for-good") is not None

    run(scenario)


@pytest.mark.parametrize(
    "action",
    [
        Patch(MAPS, "n", "gone", {"data": {}}),
        Delete(MAPS, "n", "gone", "uid"),
        Delete(MAPS, "n", "there", "of another"),
    ],
)
def test_what_is_gone_or_replaced_needs_nothing(action: Any) -> None:
    async def scenario(recording: Recording, api: FakeCluster, driver: Driver) -> None:
        api.put("configmaps", {"metadata": {"name": "there", "namespace": "n"}})
        recording.plans = lambda name, now: Plan([action, create("next")])
        driver.observe(event("a"))
        await asyncio.sleep(0.001)
        assert api.get(MAPS, "n", "next") is not None
        assert api.get(MAPS, "n", "there") is not None

    run(scenario)


def test_a_conflict_is_retried_and_not_reported() -> None:
    async def scenario(recording: Recording, api: FakeCluster, driver: Driver) -> None:
        stale = {"metadata": {"resourceVersion": "0"}}
        api.put("configmaps", {"metadata": {"name": "there", "namespace": "n"}})
        recording.plans = lambda name, now: (
            Plan([Patch(MAPS, "n", "there", stale)]) if len(recording.planned) == 1 else NOTHING
        )
        driver.observe(event("a"))
        await asyncio.sleep(1)
        assert recording.planned == ["a", "a"]
        assert [failure for _, failure in recording.reported] == [None, None]

    run(scenario)


def test_creation_in_an_ending_namespace_is_given_up_quietly() -> None:
    async def scenario(recording: Recording, api: FakeCluster, driver: Driver) -> None:
        ending = {"name": "n", "deletionTimestamp": "2024-01-01T00:00:00Z"}
        api.put("namespaces", {"metadata": ending})
        recording.plans = lambda name, now: Plan([create("x")])
        driver.observe(event("a"))
        await asyncio.sleep(60)
        assert recording.reported == [("a", None)]

    run(scenario)


def test_events_tell_the_name_that_was_made_and_the_error() -> None:
    async def scenario(recording: Recording, api: FakeCluster, driver: Driver) -> None:
        owner = {"kind": "ConfigMap", "metadata": {"name": "o", "namespace": "n", "uid": "u"}}
        done, failed = Notice(owner, "Made", "made {name}"), Notice(owner, "Refused", "no: {error}")
        item = {"metadata": {"generateName": "x-", "namespace": "n"}}
        bad = {"metadata": {"name": "y"}}
        actions: list[Action] = [
            Tell(Notice(owner, "Begun", "begun")),
            Create(MAPS, item, done),
            Create(MAPS, bad, None, failed),
        ]
        recording.plans = lambda name, now: Plan(actions if len(recording.planned) == 1 else ())
        driver.observe(event("a"))
        await asyncio.sleep(1)
        told = {one["reason"]: one["message"] for one in api.list(GroupResource("events"))}
        assert told["Begun"] == "begun"
        assert told["Made"].startswith("made x-")
        assert told["Refused"].startswith("no: configmaps: namespace")

    run(scenario)


def test_work_outside_of_the_api_may_fail_like_any_other() -> None:
    async def scenario(recording: Recording, api: FakeCluster, driver: Driver) -> None:
        def work() -> None:
            raise PermissionError("not yours")

        recording.plans = lambda name, now: Plan([Invoke(work)] if len(recording.planned) == 1 else ())
        driver.observe(event("a"))
        await asyncio.sleep(0.01)
        await asyncio.get_running_loop().shutdown_default_executor()
        await asyncio.sleep(1)
        assert "not yours" in str(recording.reported[0][1])

    run(scenario)


def test_nothing_is_done_before_the_start() -> None:
    async def scenario(recording: Recording, api: FakeCluster, driver: Driver) -> None:
        async with open_background(name="late") as background:
            late = Driver(recording.controller, api, clock=wall_clock, background=background)
            late.observe(event("a"))
            await asyncio.sleep(1)
            assert recording.planned == []
            late.start()
            await asyncio.sleep(1)
            assert recording.planned == ["a"]

    run(scenario)
