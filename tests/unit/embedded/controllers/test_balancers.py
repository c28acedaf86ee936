"""Services of type LoadBalancer."""

from __future__ import annotations

import pytest
from tests.unit.embedded.controllers.worlds import World, play

from alcove.embedded.controllers.balancers import plan_balancer
from alcove.embedded.controllers.running import ControllerSettings
from alcove.embedded.objects import Object

SETTINGS = ControllerSettings(load_balancer_address="127.0.0.1")


def test_a_balanced_service_gets_the_address_and_loses_it_with_its_type() -> None:
    async def scenario(world: World) -> None:
        await world.create("services", {"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer"}})
        await world.settle()
        status = world.get("services", "web")["status"]
        assert status["loadBalancer"]["ingress"] == [{"ip": "127.0.0.1", "ipMode": "VIP"}]
        await world.patch("services", "web", {"spec": {"type": "ClusterIP"}})
        await world.settle()
        assert world.get("services", "web")["status"]["loadBalancer"] == {}

    play(scenario, settings=SETTINGS)


@pytest.mark.parametrize(
    "spec", [{"type": "ClusterIP"}, {"type": "LoadBalancer", "loadBalancerClass": "x/y"}]
)
def test_other_services_are_left_alone(spec: Object) -> None:
    assert plan_balancer({"metadata": {}, "spec": spec}, address="127.0.0.1").actions == ()
