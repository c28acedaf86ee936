"""Services: addresses and ports are given once, and not again too soon."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from tests.unit.embedded.registry.clusters import DRY_RUN, Cluster

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object
from alcove.embedded.registry.services import NETWORK, PORTS


async def service(cluster: Cluster, name: str = "a", namespace: str = "default", **spec: Any) -> Object:
    ports = {} if spec.get("type") == "ExternalName" else {"ports": [{"port": 80}]}
    made = await cluster.make("services", name, namespace=namespace, spec=ports | spec)
    found: Object = made["spec"]
    return found


async def refused(cluster: Cluster, text: str, **spec: Any) -> None:
    with pytest.raises(ApiError) as raised:
        await service(cluster, "refused", **spec)
    assert raised.value.code == 422
    assert text in raised.value.message


async def test_a_service_gets_one_address_of_the_network(cluster: Cluster) -> None:
    spec = await service(cluster)
    assert ipaddress.ip_address(spec["clusterIP"]) in NETWORK
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")


async def test_addresses_are_different(cluster: Cluster) -> None:
    given = [(await service(cluster, f"s-{number}"))["clusterIP"] for number in range(50)]
    assert len(set(given)) == 50


async def test_the_systems_services_have_their_own(cluster: Cluster) -> None:
    await cluster.make("namespaces", "kube-system")
    assert (await service(cluster, "kubernetes"))["clusterIP"] == "10.96.0.1"
    dns = await service(cluster, "kube-dns", "kube-system")
    assert dns["clusterIP"] == "10.96.0.10"
    await refused(cluster, "provided IP is already allocated", clusterIP="10.96.0.10")


async def test_an_address_may_be_asked_for_once(cluster: Cluster) -> None:
    assert (await service(cluster, clusterIP="10.96.7.7"))["clusterIP"] == "10.96.7.7"
    await refused(
        cluster,
        'spec.clusterIPs: Invalid value: ["10.96.7.7"]: '
        "failed to allocate IP 10.96.7.7: provided IP is already allocated",
        clusterIP="10.96.7.7",
    )
    await refused(cluster, "The range of valid IPs is 10.96.0.0/16", clusterIP="192.168.0.1")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"clusterIP": "None", "selector": {"a": "b"}}, ("None", ["IPv4"], "SingleStack")),
        ({"clusterIP": "None"}, ("None", ["IPv4", "IPv6"], "RequireDualStack")),
        ({"type": "ExternalName", "externalName": "example.com"}, (None, None, None)),
    ],
)
async def test_some_services_have_no_address(
    cluster: Cluster, spec: Object, expected: tuple[object, ...]
) -> None:
    made = await service(cluster, **spec)
    assert tuple(made.get(field) for field in ("clusterIP", "ipFamilies", "ipFamilyPolicy")) == expected


async def test_there_is_one_family(cluster: Cluster) -> None:
    await refused(cluster, "not configured for dual-stack", ipFamilyPolicy="RequireDualStack")
    await refused(cluster, "not configured on this cluster", ipFamilies=["IPv6"])


async def test_an_update_keeps_what_it_leaves_out(cluster: Cluster) -> None:
    made = await service(cluster, type="NodePort")
    spec = {"type": "NodePort", "ports": [{"port": 80, "name": "http"}]}
    item = {"metadata": {"name": "a", "namespace": "default"}, "spec": spec}
    changed = (await cluster.update("services", item)).object["spec"]
    assert changed["clusterIP"] == made["clusterIP"]
    assert changed["ports"][0]["nodePort"] == made["ports"][0]["nodePort"]


async def test_an_address_does_not_change(cluster: Cluster) -> None:
    await service(cluster)
    with pytest.raises(ApiError, match="may not change once set"):
        await cluster.patch("services", "a", {"spec": {"clusterIP": "10.96.9.9", "clusterIPs": None}})


async def test_an_external_name_gives_its_address_back(cluster: Cluster) -> None:
    await service(cluster)
    patch = {"spec": {"type": "ExternalName", "externalName": "example.com", "ports": None}}
    changed = (await cluster.patch("services", "a", patch)).object["spec"]
    assert "clusterIP" not in changed and "clusterIPs" not in changed


async def test_a_released_address_is_not_given_to_others_for_ten_minutes(cluster: Cluster) -> None:
    made = await service(cluster)
    await cluster.delete("services", "a")
    await refused(cluster, "provided IP is already allocated", clusterIP=made["clusterIP"])
    cluster.reopen()
    cluster.time += 599
    await refused(cluster, "provided IP is already allocated", clusterIP=made["clusterIP"])
    cluster.time += 2
    assert (await service(cluster, "b", clusterIP=made["clusterIP"]))["clusterIP"] == made["clusterIP"]


async def test_a_service_made_anew_has_its_address_again(cluster: Cluster) -> None:
    made = await service(cluster)
    await cluster.delete("services", "a")
    assert (await service(cluster))["clusterIP"] == made["clusterIP"]


async def test_releases_are_forgotten_in_time(cluster: Cluster) -> None:
    await service(cluster)
    await cluster.delete("services", "a")
    before = sum(cluster.store.count(resource) for resource in cluster.store.resources())
    cluster.time += 601
    cluster.registry.expire_events()
    assert sum(cluster.store.count(resource) for resource in cluster.store.resources()) == before - 1


async def test_a_dry_run_takes_no_address(cluster: Cluster) -> None:
    item = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}], "clusterIP": "10.96.7.7"}}
    await cluster.create("services", item, options=DRY_RUN)
    assert (await service(cluster, "b", clusterIP="10.96.7.7"))["clusterIP"] == "10.96.7.7"


async def test_node_ports_are_given_from_their_range(cluster: Cluster) -> None:
    given = [
        (await service(cluster, f"s-{number}", type="NodePort"))["ports"][0]["nodePort"]
        for number in range(20)
    ]
    assert len(set(given)) == 20 and all(port in PORTS for port in given)


async def test_a_node_port_may_be_asked_for_once(cluster: Cluster) -> None:
    await service(cluster, type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
    taken = [{"port": 80, "nodePort": 30080}]
    await refused(
        cluster,
        "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated",
        type="NodePort",
        ports=taken,
    )
    outside = [{"port": 80, "nodePort": 80}]
    await refused(cluster, "valid ports is 30000-32767", type="NodePort", ports=outside)


async def test_a_node_port_at_which_somebody_else_listens_is_not_given(cluster: Cluster) -> None:
    first = (await service(cluster, "one", type="NodePort"))["ports"][0]["nodePort"]
    await cluster.delete("services", "one")
    cluster.busy_ports = {first, first + 1}
    again = (await service(cluster, "one", type="NodePort"))["ports"][0]["nodePort"]
    assert again not in cluster.busy_ports


async def test_node_ports_go_with_the_type(cluster: Cluster) -> None:
    await service(cluster, type="NodePort")
    changed = (await cluster.patch("services", "a", {"spec": {"type": "ClusterIP"}})).object["spec"]
    assert "nodePort" not in changed["ports"][0]
