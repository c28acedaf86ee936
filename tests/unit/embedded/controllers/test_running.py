"""Starting all controllers, and the watches of types that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tests.unit.embedded.controllers.worlds import CRDS, FakeCatalog, World, play, resource_type
from tests.unit.embedded.fake_api import FakeCluster

from alcove.aio import open_background
from alcove.embedded.controllers.running import ControllerSettings, run_controllers
from alcove.embedded.objects import GroupResource, WatchEvent


class Counting(FakeCluster):
    """Notes what is watched."""

    def __init__(self) -> None:
        super().__init__()
        self.watched: list[tuple[GroupResource, ...]] = []

    async def watch(self, *resources: GroupResource) -> AsyncIterator[WatchEvent]:
        self.watched.append(resources)
        async for event in super().watch(*resources):
            yield event


async def test_one_watch_serves_all_and_a_new_type_gets_its_own_once() -> None:
    api, catalog = Counting(), FakeCatalog()
    async with open_background(name="test") as background:
        running = run_controllers(api, catalog=catalog, settings=ControllerSettings())
        background.start(running, name="controllers")
        await asyncio.sleep(0)
        catalog.defined.append(resource_type("widgets.example.com", "Widget", namespaced=True))
        for name in ("widgets.example.com", "other.example.com"):
            await api.create(CRDS, {"metadata": {"name": name}})
        for _ in range(20):
            await asyncio.sleep(0)
    assert [len(resources) for resources in api.watched[1:]] == [1]
    assert "pods" in api.watched[0]


def test_ending_the_controllers_leaves_nothing_behind() -> None:
    async def scenario(world: World) -> None:
        async with open_background(name="second") as background:
            running = run_controllers(world.api, catalog=world.catalog, settings=ControllerSettings())
            background.start(running, name="controllers")
            await world.settle()
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert not [name for name in names if name.startswith("second")]

    play(scenario)
