"""Endpoints written by hand and the slices that mirror them."""

from __future__ import annotations

from tests.unit.embedded.controllers.worlds import World, play

from alcove.embedded.objects import GroupResource, Object, labels_of, metadata

SLICES = GroupResource("endpointslices.discovery.k8s.io")
SUBSETS = [
    {
        "addresses": [{"ip": "192.0.2.1", "hostname": "db"}],
        "notReadyAddresses": [{"ip": "192.0.2.2"}],
        "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}],
    }
]


async def create_both(world: World, **labels: str) -> None:
    await world.create("services", {"metadata": {"name": "db"}, "spec": {"ports": [{"port": 5432}]}})
    await world.create("endpoints", {"metadata": {"name": "db", "labels": labels}, "subsets": SUBSETS})
    await world.settle()


def slices(world: World) -> list[Object]:
    return world.api.list(SLICES, "default")


def test_hand_written_endpoints_are_mirrored() -> None:
    async def scenario(world: World) -> None:
        await create_both(world)
        [one] = slices(world)
        assert one["endpoints"] == [
            {"addresses": ["192.0.2.1"], "conditions": {"ready": True}, "hostname": "db"},
            {"addresses": ["192.0.2.2"], "conditions": {"ready": False}},
        ]
        assert one["ports"] == [{"name": "sql", "protocol": "TCP", "port": 5432}]
        manager = labels_of(one)["endpointslice.kubernetes.io/managed-by"]
        assert manager == "endpointslicemirroring-controller.k8s.io"
        assert metadata(one)["ownerReferences"][0]["kind"] == "Endpoints"

    play(scenario)


def test_the_mirror_follows_changes_and_goes_with_the_endpoints() -> None:
    async def scenario(world: World) -> None:
        await create_both(world)
        await world.patch("endpoints", "db", {"subsets": [{**SUBSETS[0], "notReadyAddresses": []}]})
        await world.settle()
        assert [len(one["endpoints"]) for one in slices(world)] == [1]
        await world.delete("endpoints", "db")
        await world.settle()
        assert slices(world) == []

    play(scenario)


def test_endpoints_that_ask_not_to_be_mirrored_are_not() -> None:
    async def scenario(world: World) -> None:
        await create_both(world, **{"endpointslice.kubernetes.io/skip-mirror": "true"})
        assert slices(world) == []

    play(scenario)


def test_a_service_that_gets_a_selector_is_no_longer_mirrored() -> None:
    async def scenario(world: World) -> None:
        await create_both(world)
        await world.patch("services", "db", {"spec": {"selector": {"app": "db"}}})
        await world.settle()
        managers = [labels_of(one)["endpointslice.kubernetes.io/managed-by"] for one in slices(world)]
        assert managers == ["endpointslice-controller.k8s.io"]

    play(scenario)
