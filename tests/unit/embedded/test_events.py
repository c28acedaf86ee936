"""Events: counted when they repeat, cut off when there are too many, never a reason to fail."""

from __future__ import annotations

import pytest
from tests.unit.embedded.fake_api import FakeCluster

from alcove.embedded import faults
from alcove.embedded.events import EVENTS, EventRecorder, timestamp
from alcove.embedded.objects import GroupResource, Object

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default", "uid": "u", "resourceVersion": "7"},
}


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(clock: Clock) -> FakeCluster:
    return FakeCluster(clock)


async def test_an_event_tells_who_what_and_when(api: FakeCluster, clock: Clock) -> None:
    recorder = EventRecorder(api, "kubelet", clock, host="node")
    await recorder.record(POD, "Normal", "Started", "Started container", field_path="spec.containers{main}")
    [event] = api.list(EVENTS)
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": "default",
        "name": "web",
        "uid": "u",
        "resourceVersion": "7",
        "fieldPath": "spec.containers{main}",
    }
    assert event["metadata"]["name"].startswith("web.")
    assert event["source"] == {"component": "kubelet", "host": "node"}
    assert (event["type"], event["reason"], event["count"]) == ("Normal", "Started", 1)
    assert event["firstTimestamp"] == timestamp(clock.now)


async def test_a_repeated_event_is_counted(api: FakeCluster, clock: Clock) -> None:
    recorder = EventRecorder(api, "kubelet", clock)
    for _ in range(3):
        await recorder.record(POD, "Warning", "BackOff", "again")
        clock.now += 10
    [event] = api.list(EVENTS)
    assert event["count"] == 3
    assert event["lastTimestamp"] == timestamp(clock.now - 10)
    assert event["firstTimestamp"] == timestamp(clock.now - 30)


async def test_an_event_that_was_removed_is_written_anew(api: FakeCluster, clock: Clock) -> None:
    recorder = EventRecorder(api, "kubelet", clock)
    await recorder.record(POD, "Warning", "BackOff", "again")
    await api.delete(EVENTS, "default", api.list(EVENTS)[0]["metadata"]["name"])
    await recorder.record(POD, "Warning", "BackOff", "again")
    assert [event["count"] for event in api.list(EVENTS)] == [1]


async def test_an_object_that_never_stops_is_cut_off_until_it_calms_down(
    api: FakeCluster, clock: Clock
) -> None:
    recorder = EventRecorder(api, "kubelet", clock)
    for number in range(100):
        await recorder.record(POD, "Warning", "Failed", f"attempt {number}")
    assert len(api.list(EVENTS)) == 25
    clock.now += 600
    await recorder.record(POD, "Warning", "Failed", "later")
    assert len(api.list(EVENTS)) == 26


async def test_events_about_the_cluster_are_in_the_default_namespace(api: FakeCluster) -> None:
    recorder = EventRecorder(api, "kubelet", Clock())
    await recorder.record({"kind": "Node", "metadata": {"name": "node"}}, "Normal", "Starting", "")
    assert api.list(EVENTS)[0]["metadata"]["namespace"] == "default"


async def test_two_components_at_one_instant_do_not_take_each_others_names(api: FakeCluster) -> None:
    for component in ("kubelet", "scheduler"):
        await EventRecorder(api, component, Clock()).record(POD, "Normal", "Said", "the same")
    assert len(api.list(EVENTS)) == 2


async def test_a_refused_event_is_dropped(api: FakeCluster) -> None:
    def refuse(verb: str, resource: GroupResource, item: Object) -> None:
        raise faults.forbidden(resource, "", "namespace is being terminated")

    api.refuse = refuse
    await EventRecorder(api, "kubelet", Clock()).record(POD, "Normal", "Started", "")
    assert api.list(EVENTS) == []
