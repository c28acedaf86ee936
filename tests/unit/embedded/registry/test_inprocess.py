"""The API inside the process: the same rules, and watches that lose nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.unit.embedded.registry.clusters import Cluster, pod_spec

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import GroupResource, WatchEvent

CONFIGMAPS = GroupResource("configmaps")
PODS = GroupResource("pods")
LEASES = GroupResource("leases.coordination.k8s.io")


async def take(events: AsyncIterator[WatchEvent], count: int) -> list[str]:
    told = []
    async with asyncio.timeout(5):
        for _ in range(count):
            event = await anext(events)
            told.append(f"{event.type} {event.object.get('metadata', {}).get('name', '')}".strip())
    return told


async def test_objects_are_written_and_read(cluster: Cluster) -> None:
    api = cluster.api
    await api.create(CONFIGMAPS, {"metadata": {"name": "a", "namespace": "default"}, "data": {"x": "1"}})
    await api.patch(CONFIGMAPS, "default", "a", {"data": {"y": "2"}})
    found = api.get(CONFIGMAPS, "default", "a")
    assert found is not None and found["data"] == {"x": "1", "y": "2"}
    assert api.list(CONFIGMAPS) == api.list(CONFIGMAPS, "default") == [found]
    await api.delete(CONFIGMAPS, "default", "a", uid=found["metadata"]["uid"])
    assert api.get(CONFIGMAPS, "default", "a") is None


async def test_an_update_without_version_is_made_for_every_type(cluster: Cluster) -> None:
    lease = {"metadata": {"name": "a", "namespace": "default"}, "spec": {"holderIdentity": "me"}}
    await cluster.api.create(LEASES, lease)
    changed = await cluster.api.update(LEASES, lease | {"spec": {"holderIdentity": "you"}})
    assert changed["spec"]["holderIdentity"] == "you"


async def test_a_pod_is_bound_by_an_update_of_its_binding(cluster: Cluster) -> None:
    await cluster.make("pods", "a", spec=pod_spec())
    binding = {"metadata": {"name": "a", "namespace": "default"}, "target": {"name": "node"}}
    assert (await cluster.api.update(PODS, binding, subresource="binding"))["spec"]["nodeName"] == "node"


async def test_unknown_resources_are_not_found(cluster: Cluster) -> None:
    with pytest.raises(ApiError) as raised:
        await cluster.api.create(GroupResource("nothings"), {"metadata": {"name": "a"}})
    assert raised.value.code == 404


async def test_a_watch_gives_all_then_synced_then_changes(cluster: Cluster) -> None:
    await cluster.make("configmaps", "a")
    events = cluster.api.watch(CONFIGMAPS, PODS)
    assert await take(events, 2) == ["ADDED a", "SYNCED"]
    await cluster.make("pods", "p", spec=pod_spec())
    await cluster.delete("configmaps", "a")
    assert await take(events, 2) == ["ADDED p", "DELETED a"]


async def test_changes_during_the_initial_list_are_not_lost(cluster: Cluster) -> None:
    await cluster.make("configmaps", "a")
    events = cluster.api.watch(CONFIGMAPS)
    assert await take(events, 1) == ["ADDED a"]
    await cluster.make("configmaps", "b")
    assert await take(events, 2) == ["SYNCED", "ADDED b"]


async def test_a_watcher_who_lags_gets_the_differences(cluster: Cluster) -> None:
    for name in ("changed", "gone", "same"):
        await cluster.make("configmaps", name)
    events = cluster.api.watch(CONFIGMAPS)
    await take(events, 4)
    await cluster.delete("configmaps", "gone")
    await cluster.patch("configmaps", "changed", {"data": {"x": "1"}})
    await cluster.make("configmaps", "new")
    cluster.time += 10_000
    cluster.registry.expire_events()
    assert await take(events, 3) == ["DELETED gone", "MODIFIED changed", "ADDED new"]
    await cluster.make("configmaps", "later")
    assert await take(events, 1) == ["ADDED later"]
