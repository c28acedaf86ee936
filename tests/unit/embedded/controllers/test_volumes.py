"""PersistentVolumeClaims: bound, provided for, lost and given back."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from tests.unit.embedded.controllers.worlds import World, play

from alcove.embedded.controllers.running import ControllerSettings
from alcove.embedded.controllers.volumes import PROVISIONER
from alcove.embedded.objects import Object, metadata

CLAIMS, VOLUMES = "persistentvolumeclaims", "persistentvolumes"


STORAGE_CLASS = {"metadata": {"name": "alcove"}, "provisioner": PROVISIONER, "reclaimPolicy": "Delete"}


def claim(name: str = "data", size: str = "1Gi", **spec: Any) -> Object:
    resources = {"requests": {"storage": size}}
    return {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": resources, **spec},
    }


def volume(name: str, size: str = "5Gi", **spec: Any) -> Object:
    offered = {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce", "ReadOnlyMany"]}
    return {"metadata": {"name": name}, "spec": {**offered, "hostPath": {"path": f"/{name}"}, **spec}}


@dataclasses.dataclass
class Directories:
    """The directories that were made and are still there."""

    present: list[str] = dataclasses.field(default_factory=list)

    def make(self, claim: Object) -> str:
        path = f"/volumes/{metadata(claim)['name']}"
        self.present.append(path)
        return path


def settings(directories: Directories) -> ControllerSettings:
    return ControllerSettings(
        make_volume_directory=directories.make, remove_volume_directory=directories.present.remove
    )


def phase(world: World, resource: str, name: str) -> str:
    return str(world.get(resource, name)["status"]["phase"])


def test_a_claim_of_our_class_gets_a_directory_and_gives_it_back() -> None:
    directories = Directories()

    async def scenario(world: World) -> None:
        world.api.put("storageclasses.storage.k8s.io", STORAGE_CLASS)
        await world.create(CLAIMS, claim(storageClassName="alcove"))
        await world.settle()
        [name] = world.names(VOLUMES, None)
        bound = world.get(CLAIMS, "data")
        assert (bound["status"]["phase"], bound["spec"]["volumeName"]) == ("Bound", name)
        assert bound["status"]["capacity"] == {"storage": "1Gi"}
        assert phase(world, VOLUMES, name) == "Bound"
        assert world.get(VOLUMES, name)["spec"]["hostPath"]["path"] == "/volumes/data"
        assert directories.present == ["/volumes/data"]
        await world.delete(CLAIMS, "data")
        await world.settle_outside()
        assert (world.names(VOLUMES, None), directories.present) == ([], [])

    play(scenario, settings=settings(directories))


def test_a_volume_is_kept_while_a_pod_still_uses_it() -> None:
    directories = Directories()

    async def scenario(world: World) -> None:
        world.api.put("storageclasses.storage.k8s.io", STORAGE_CLASS)
        await world.create(CLAIMS, claim(storageClassName="alcove"))
        mounted = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
        await world.create("pods", {"metadata": {"name": "user"}, "spec": {"volumes": mounted}})
        await world.settle()
        await world.delete(CLAIMS, "data")
        await world.settle()
        assert directories.present == ["/volumes/data"]
        await world.delete("pods", "user")
        await world.settle_outside()
        assert directories.present == []

    play(scenario, settings=settings(directories))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (claim(), "small"),
        (claim(size="6Gi"), "large"),
        (claim(size="99Gi"), None),
        (claim(accessModes=["ReadWriteMany"]), None),
        (claim(volumeName="large"), "large"),
        (claim(storageClassName="fast"), "fast"),
        (claim(selector={"matchLabels": {"disk": "big"}}), None),
    ],
)
def test_a_claim_is_bound_to_the_smallest_volume_that_fits(wanted: Object, expected: str | None) -> None:
    async def scenario(world: World) -> None:
        for one in (volume("small"), volume("large", "50Gi"), volume("fast", storageClassName="fast")):
            await world.create(VOLUMES, one)
        await world.create(CLAIMS, wanted)
        await world.settle()
        item = world.get(CLAIMS, "data")
        assert item["spec"].get("volumeName") == (expected or wanted["spec"].get("volumeName"))
        assert item["status"]["phase"] == ("Bound" if expected else "Pending")

    play(scenario)


def test_a_pending_claim_is_bound_when_a_volume_appears() -> None:
    async def scenario(world: World) -> None:
        await world.create(CLAIMS, claim())
        await world.settle()
        assert phase(world, CLAIMS, "data") == "Pending"
        assert world.events("FailedBinding")
        await world.create(VOLUMES, volume("late"))
        await world.settle()
        assert phase(world, CLAIMS, "data") == "Bound"
        assert phase(world, VOLUMES, "late") == "Bound"

    play(scenario)


def test_two_claims_never_share_a_volume() -> None:
    async def scenario(world: World) -> None:
        await world.create(VOLUMES, volume("only"))
        await world.create(CLAIMS, claim("one"))
        await world.create(CLAIMS, claim("two"))
        await world.settle()
        assert sorted(phase(world, CLAIMS, name) for name in ("one", "two")) == ["Bound", "Pending"]

    play(scenario)


def test_a_claim_whose_volume_is_gone_is_lost() -> None:
    async def scenario(world: World) -> None:
        await world.create(VOLUMES, volume("only"))
        await world.create(CLAIMS, claim())
        await world.settle()
        await world.delete(VOLUMES, "only")
        await world.settle()
        assert phase(world, CLAIMS, "data") == "Lost"
        assert world.events("ClaimLost")

    play(scenario)


def test_a_volume_by_hand_is_released_and_not_given_to_the_next() -> None:
    async def scenario(world: World) -> None:
        await world.create(VOLUMES, volume("only", persistentVolumeReclaimPolicy="Retain"))
        await world.settle()
        assert phase(world, VOLUMES, "only") == "Available"
        await world.create(CLAIMS, claim())
        await world.settle()
        await world.delete(CLAIMS, "data")
        await world.create(CLAIMS, claim())
        await world.settle()
        assert phase(world, VOLUMES, "only") == "Released"
        assert phase(world, CLAIMS, "data") == "Pending"

    play(scenario)
