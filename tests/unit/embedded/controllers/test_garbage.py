"""Garbage collection in all its ways, for built-in and custom kinds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.controllers.test_deployments import deployment
from tests.unit.embedded.controllers.worlds import CRDS, World, play, resource_type

from alcove.embedded.controllers.garbage import Owner, OwnerIndex, plan_garbage
from alcove.embedded.objects import GroupResource, Object, ObjectKey, metadata

MAPS = GroupResource("configmaps")


def owned_by(owner: Object, name: str = "owned", **more: Any) -> Object:
    meta = metadata(owner)
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        **more,
    }
    return {"metadata": {"name": name, "ownerReferences": [reference]}}


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_a_deleted_deployment_takes_its_replica_sets_and_pods_along(propagation: str) -> None:
    async def scenario(world: World) -> None:
        await world.create("deployments.apps", deployment())
        await world.settle()
        await world.delete("deployments.apps", "web", propagation)
        await world.settle()
        left = [world.names(one) for one in ("deployments.apps", "replicasets.apps", "pods")]
        assert left == [[], [], []]

    play(scenario)


def test_in_the_foreground_owners_go_last() -> None:
    async def scenario(world: World) -> None:
        await world.create("deployments.apps", deployment())
        await world.settle()
        world.api.writes.clear()
        await world.delete("deployments.apps", "web", "Foreground")
        await world.settle(0.02)
        assert world.names("deployments.apps") == ["web"]
        assert len(world.names("replicasets.apps")) == 1
        await world.settle()
        assert world.names("deployments.apps") == []

    play(scenario)


def test_orphans_stay_without_their_owner() -> None:
    async def scenario(world: World) -> None:
        await world.create("deployments.apps", deployment())
        await world.settle()
        await world.delete("deployments.apps", "web", "Orphan")
        await world.settle()
        assert world.names("deployments.apps") == []
        [replica_set] = world.names("replicasets.apps")
        assert "ownerReferences" not in metadata(world.get("replicasets.apps", replica_set))
        assert len(world.pods()) == 3

    play(scenario)


def test_an_owner_of_another_uid_is_no_owner() -> None:
    async def scenario(world: World) -> None:
        owner = await world.create("configmaps", {"metadata": {"name": "owner"}})
        await world.create("configmaps", owned_by(owner, uid="of-its-predecessor"))
        await world.settle()
        assert world.names("configmaps") == ["kube-root-ca.crt", "owner"]

    play(scenario)


def test_one_living_owner_is_enough_and_dead_ones_are_struck_out() -> None:
    async def scenario(world: World) -> None:
        first = await world.create("configmaps", {"metadata": {"name": "first"}})
        second = await world.create("secrets", {"metadata": {"name": "second"}})
        item = owned_by(first)
        item["metadata"]["ownerReferences"] += owned_by(second)["metadata"]["ownerReferences"]
        await world.create("configmaps", item)
        await world.delete("configmaps", "first")
        await world.settle()
        [reference] = metadata(world.get("configmaps", "owned"))["ownerReferences"]
        assert reference["name"] == "second"

    play(scenario)


def test_cluster_scoped_owners_own_what_is_in_namespaces() -> None:
    async def scenario(world: World) -> None:
        role = await world.create("clusterroles.rbac.authorization.k8s.io", {"metadata": {"name": "role"}})
        await world.create("configmaps", owned_by(role))
        await world.settle()
        assert "owned" in world.names("configmaps")
        await world.delete("clusterroles.rbac.authorization.k8s.io", "role")
        await world.settle()
        assert "owned" not in world.names("configmaps")

    play(scenario)


def test_an_owner_in_another_namespace_is_reported_and_does_not_count() -> None:
    async def scenario(world: World) -> None:
        owner = await world.create("configmaps", {"metadata": {"name": "owner", "namespace": "other"}})
        await world.create("configmaps", owned_by(owner))
        await world.settle()
        assert "owned" not in world.names("configmaps")
        [message] = world.events("OwnerRefInvalidNamespace")
        assert message.endswith('does not exist in namespace "default"')

    play(scenario)


def test_objects_of_unknown_kinds_are_never_taken_for_dead() -> None:
    async def scenario(world: World) -> None:
        stranger = {"apiVersion": "example.com/v1", "kind": "Stranger", "metadata": {"name": "x", "uid": "u"}}
        await world.create("configmaps", owned_by(stranger))
        await world.settle()
        assert "owned" in world.names("configmaps")

    play(scenario)


def test_custom_resources_defined_while_running_are_collected() -> None:
    async def scenario(world: World) -> None:
        await world.settle()
        world.catalog.defined.append(
            resource_type("widgets.example.com", "Widget", namespaced=True, custom=True)
        )
        await world.create(CRDS, {"metadata": {"name": "widgets.example.com"}})
        await world.settle()
        widget = await world.create("widgets.example.com", {"kind": "Widget", "metadata": {"name": "one"}})
        await world.create("configmaps", owned_by(widget))
        await world.create("widgets.example.com", {"kind": "Widget", **owned_by(widget, "two")})
        await world.delete("widgets.example.com", "one")
        await world.settle()
        assert world.names("widgets.example.com") == []
        assert "owned" not in world.names("configmaps")

    play(scenario)


def test_a_deleted_definition_takes_its_objects_along() -> None:
    async def scenario(world: World) -> None:
        world.catalog.defined.append(
            resource_type("widgets.example.com", "Widget", namespaced=True, custom=True)
        )
        finalizer = "customresourcecleanup.apiextensions.k8s.io"
        await world.create(CRDS, {"metadata": {"name": "widgets.example.com", "finalizers": [finalizer]}})
        await world.create("widgets.example.com", {"kind": "Widget", "metadata": {"name": "one"}})
        await world.settle()
        await world.delete(CRDS, "widgets.example.com")
        await world.settle()
        assert world.names("widgets.example.com") == []
        assert world.names(CRDS, None) == []

    play(scenario)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["alive"], []),
        (["absent"], ["Delete"]),
        (["waiting"], ["Delete"]),
        (["absent", "absent"], ["Delete"]),
        (["alive", "absent"], ["Patch"]),
        (["unknown", "absent"], []),
    ],
)
def test_an_object_goes_when_all_its_owners_are_gone(states: list[str], expected: list[str]) -> None:
    references = [{"kind": "Any", "name": f"o{n}", "uid": f"u{n}"} for n in range(len(states))]
    meta = {"name": "x", "namespace": "n", "uid": "x", "resourceVersion": "1"}
    item: Object = {"metadata": {**meta, "ownerReferences": references}}
    by_uid = {one["uid"]: Owner(state) for one, state in zip(references, states, strict=True)}
    plan = plan_garbage(MAPS, item, dependents=(), resolve=lambda one, namespace: by_uid[one["uid"]])
    assert [type(action).__name__ for action in plan.actions] == expected


NAMES = st.sampled_from("abcd")


@given(st.lists(st.tuples(NAMES, st.lists(st.sampled_from("uvw"), unique=True))))
def test_the_index_knows_the_present_dependents_whatever_came_before(
    writes: list[tuple[str, list[str]]],
) -> None:
    index, present = OwnerIndex(), {}
    for name, uids in writes:
        index.observe(ObjectKey(MAPS, "n", name), [{"uid": uid} for uid in uids])
        present[name] = uids
    for uid in "uvw":
        assert [key.name for key in index.dependents(uid)] == sorted(
            name for name, uids in present.items() if uid in uids
        )
