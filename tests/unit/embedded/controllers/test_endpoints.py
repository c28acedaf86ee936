"""Services' EndpointSlices and Endpoints, from worlds of pods."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.controllers.worlds import World, play

from alcove.embedded.controllers.actions import Create
from alcove.embedded.controllers.endpoints import plan_endpoints, resolve_ports
from alcove.embedded.objects import GroupResource, Object, labels_of, metadata

SLICES = GroupResource("endpointslices.discovery.k8s.io")


def service(**spec: Any) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}]
    meta = {"name": "svc", "namespace": "default", "uid": "svc-uid", "labels": {"tier": "front"}}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"selector": {"app": "web"}, "ports": ports, "clusterIP": "10.1.0.1", **spec},
    }


def pod(name: str = "one", *, ready: bool = True, port: int = 8080, **meta: Any) -> Object:
    spec_more = meta.pop("spec", {})
    return {
        "metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": "web"}, **meta},
        "spec": {
            "nodeName": "node",
            "containers": [{"name": "main", "ports": [{"name": "web", "containerPort": port}]}],
            **spec_more,
        },
        "status": {
            "phase": "Running",
            "podIP": f"10.0.0.{len(name)}",
            "conditions": [{"type": "Ready", "status": str(ready), "lastTransitionTime": ""}],
        },
    }


def planned(service: Object, *pods: Object) -> tuple[list[Object], Object]:
    """Give the slices and the Endpoints of a Service that has none yet."""
    plan = plan_endpoints(service, pods, slices=(), endpoints=None)
    made = [action.item for action in plan.actions if isinstance(action, Create)]
    return made[:-1], made[-1]


def test_a_ready_pod_is_an_endpoint_in_both_shapes() -> None:
    [one], legacy = planned(service(), pod())
    target = {"kind": "Pod", "namespace": "default", "name": "one", "uid": "one"}
    assert one["endpoints"] == [
        {
            "addresses": ["10.0.0.3"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "targetRef": target,
            "nodeName": "node",
        }
    ]
    assert one["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]
    assert labels_of(one) == {
        "tier": "front",
        "kubernetes.io/service-name": "svc",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert metadata(one)["generateName"] == "svc-"
    assert metadata(one)["ownerReferences"][0]["kind"] == "Service"
    address = {"ip": "10.0.0.3", "targetRef": target, "nodeName": "node"}
    assert legacy["subsets"] == [{"addresses": [address], "ports": one["ports"]}]


@pytest.mark.parametrize(
    ("ready", "terminating", "publish", "expected"),
    [
        (True, False, False, (True, True, False)),
        (False, False, False, (False, False, False)),
        (True, True, False, (False, True, True)),
        (False, False, True, (True, False, False)),
        (True, True, True, (True, True, True)),
    ],
)
def test_conditions_tell_readiness_and_ending_apart(
    ready: bool, terminating: bool, publish: bool, expected: tuple[bool, bool, bool]
) -> None:
    ending: Object = {"deletionTimestamp": "2024-01-01T00:00:00Z"} if terminating else {}
    [one], _ = planned(service(publishNotReadyAddresses=publish), pod(ready=ready, **ending))
    conditions = one["endpoints"][0]["conditions"]
    assert (conditions["ready"], conditions["serving"], conditions["terminating"]) == expected


def test_pods_that_are_not_ready_are_apart_in_endpoints() -> None:
    _, legacy = planned(service(), pod(), pod("second", ready=False))
    [subset] = legacy["subsets"]
    assert [one["ip"] for one in subset["addresses"]] == ["10.0.0.3"]
    assert [one["ip"] for one in subset["notReadyAddresses"]] == ["10.0.0.6"]


def test_a_named_port_is_resolved_for_each_pod() -> None:
    slices, legacy = planned(service(), pod(port=8080), pod("second", port=9090))
    assert sorted(one["ports"][0]["port"] for one in slices) == [8080, 9090]
    assert len(legacy["subsets"]) == 2


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ({"port": 80}, 80),
        ({"port": 80, "targetPort": 81}, 81),
        ({"port": 80, "targetPort": "web"}, 8080),
        ({"port": 80, "targetPort": "web", "protocol": "UDP"}, None),
        ({"port": 80, "targetPort": "none"}, None),
    ],
)
def test_target_ports_are_numbers_or_names(port: Object, expected: int | None) -> None:
    found = resolve_ports(service(ports=[port]), pod())
    assert [number for _, _, number, _ in found] == ([] if expected is None else [expected])


def test_a_headless_service_gives_its_pods_their_host_names() -> None:
    named = pod(spec={"hostname": "web-0", "subdomain": "svc"})
    [one], legacy = planned(service(clusterIP="None"), named)
    assert one["endpoints"][0]["hostname"] == "web-0"
    assert labels_of(one)["service.kubernetes.io/headless"] == ""
    assert legacy["subsets"][0]["addresses"][0]["hostname"] == "web-0"


def test_without_pods_there_is_one_empty_slice() -> None:
    [one], legacy = planned(service())
    assert (one["endpoints"], legacy["subsets"]) == ([], [])


@pytest.mark.parametrize("spec", [{"selector": None}, {"type": "ExternalName"}])
def test_services_that_select_nothing_are_left_alone(spec: Object) -> None:
    assert plan_endpoints(service(**spec), [pod()], slices=(), endpoints=None).actions == ()


def test_a_slice_holds_a_hundred_endpoints() -> None:
    slices, _ = planned(service(), *(pod("x" * (n + 1)) for n in range(150)))
    assert sorted(len(one["endpoints"]) for one in slices) == [50, 100]


def test_slices_keep_their_names_while_pods_come_and_go() -> None:
    async def scenario(world: World) -> None:
        item = service()
        await world.create("services", {"metadata": {"name": "svc"}, "spec": item["spec"]})
        await world.settle()
        [name] = world.names(SLICES)
        for pod_name in ("one", "second"):
            body = pod(pod_name)
            meta = {"name": pod_name, "labels": {"app": "web"}}
            await world.create("pods", {"metadata": meta, "spec": {"containers": body["spec"]["containers"]}})
            await world.settle()
        [one] = world.api.list(SLICES, "default")
        assert len(one["endpoints"]) == 2
        assert one["ports"][0]["port"] == 8080
        await world.patch("pods", "one", {"metadata": {"labels": {"app": "other"}}})
        await world.settle()
        [one] = world.api.list(SLICES, "default")
        assert [end["targetRef"]["name"] for end in one["endpoints"]] == ["second"]
        assert metadata(one)["name"] == name or len(world.names(SLICES)) == 1

    play(scenario)


def test_the_endpoints_of_a_deleted_service_go_with_it() -> None:
    async def scenario(world: World) -> None:
        await world.create("services", {"metadata": {"name": "svc"}, "spec": service()["spec"]})
        await world.create("endpoints", {"metadata": {"name": "by-hand"}, "subsets": []})
        await world.settle()
        assert world.names("endpoints") == ["by-hand", "svc"]
        await world.delete("services", "svc")
        await world.settle()
        assert (world.names("endpoints"), world.names(SLICES)) == (["by-hand"], [])

    play(scenario)
