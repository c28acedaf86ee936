"""Namespaces: what they begin with and how they end."""

from __future__ import annotations

from tests.unit.embedded.controllers.test_replicasets import replica_set
from tests.unit.embedded.controllers.worlds import World, play, resource_type

from alcove.embedded.controllers.running import ControllerSettings
from alcove.embedded.objects import GroupResource

SETTINGS = ControllerSettings(ca_certificate="PEM")


def test_every_namespace_gets_its_account_and_the_authority() -> None:
    async def scenario(world: World) -> None:
        await world.settle()
        assert world.names("serviceaccounts", "other") == ["default"]
        assert world.get("configmaps", "kube-root-ca.crt")["data"] == {"ca.crt": "PEM"}

    play(scenario, settings=SETTINGS)


def test_what_is_deleted_or_changed_of_it_comes_back() -> None:
    async def scenario(world: World) -> None:
        await world.settle()
        await world.delete("serviceaccounts", "default")
        await world.patch("configmaps", "kube-root-ca.crt", {"data": {"ca.crt": "forged"}})
        await world.settle()
        assert world.names("serviceaccounts") == ["default"]
        assert world.get("configmaps", "kube-root-ca.crt")["data"] == {"ca.crt": "PEM"}

    play(scenario, settings=SETTINGS)


def test_deleting_a_namespace_removes_all_that_is_in_it() -> None:
    async def scenario(world: World) -> None:
        world.catalog.defined.append(
            resource_type("widgets.example.com", "Widget", namespaced=True, custom=True)
        )
        world.api.put("widgets.example.com", {"metadata": {"name": "one", "namespace": "default"}})
        await world.create("replicasets.apps", replica_set())
        await world.settle()
        await world.delete("namespaces", "default")
        await world.settle()
        assert world.names("namespaces", None) == ["other"]
        assert world.names("pods") == []
        assert world.names("widgets.example.com") == []
        assert world.names("serviceaccounts", "other") == ["default"]

    play(scenario)


def test_finalizers_hold_a_namespace_and_its_conditions_say_so() -> None:
    async def scenario(world: World) -> None:
        meta = {"name": "held", "finalizers": ["example.com/hold"]}
        await world.create("configmaps", {"metadata": meta})
        await world.settle()
        await world.delete("namespaces", "default")
        await world.settle()
        assert world.get("namespaces", "default")["status"]["phase"] == "Terminating"
        assert world.condition("namespaces", "default", "NamespaceContentRemaining") == (
            "True",
            "SomeResourcesRemain",
            "Some resources are remaining: configmaps. has 1 resource instances",
        )
        assert world.condition("namespaces", "default", "NamespaceFinalizersRemaining")[2] == (
            "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
        )
        await world.patch("configmaps", "held", {"metadata": {"finalizers": None}})
        await world.settle()
        assert world.names("namespaces", None) == ["other"]

    play(scenario)


def test_pods_end_before_the_rest_is_taken_away() -> None:
    async def scenario(world: World) -> None:
        await world.create("configmaps", {"metadata": {"name": "needed"}})
        await world.create("pods", {"metadata": {"name": "one"}, "spec": {"containers": []}})
        await world.settle()
        world.api.writes.clear()
        await world.delete("namespaces", "default")
        await world.settle()
        deleted = [resource for verb, resource, _ in world.api.writes if verb == "delete"]
        assert deleted.index(GroupResource("pods")) < deleted.index(GroupResource("configmaps"))

    play(scenario)
