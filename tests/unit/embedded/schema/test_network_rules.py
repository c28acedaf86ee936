from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.embedded.schema.samples import service, thing

from alcove.embedded.objects import Object

Complaints = Callable[..., list[str]]
BACKEND = {"service": {"name": "s", "port": {"number": 80}}}


def ingress(**spec: Any) -> Object:
    return thing("Ingress", "networking.k8s.io/v1", spec=spec)


def path(**fields: Any) -> Object:
    entry = {"path": "/", "pathType": "Prefix", "backend": BACKEND, **fields}
    return ingress(rules=[{"http": {"paths": [entry]}}])


def peer(**fields: Any) -> Object:
    return thing(
        "NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}, "ingress": [{"from": [fields]}]}
    )


def port(**fields: Any) -> Object:
    return thing(
        "NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}, "ingress": [{"ports": [fields]}]}
    )


PATH = "spec.rules[0].http.paths[0]"
PEER = "spec.ingress[0].from[0]"


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (service(clusterIP="x"), "spec.clusterIPs[0]"),
        (service(type="NodePort", clusterIP="None"), "spec.clusterIPs[0]"),
        (service(ports=[{"port": 80, "nodePort": 30080}]), "spec.ports[0].nodePort"),
        (service(ports=[{"port": 80, "targetPort": "Foo_"}]), "spec.ports[0].targetPort"),
        (service(ports=[{"port": 80, "appProtocol": "a b"}]), "spec.ports[0].appProtocol"),
        (service(externalTrafficPolicy="Local"), "spec.externalTrafficPolicy"),
        (service(type="LoadBalancer", loadBalancerSourceRanges=["x"]), "spec.LoadBalancerSourceRanges[0]"),
        (service(ipFamilies=["IPv9"]), "spec.ipFamilies[0]"),
        (service(type="ExternalName", externalName="a.b", clusterIP="10.0.0.1"), "spec.clusterIPs"),
        (path(path="/a//b"), f"{PATH}.path"),
        (path(backend={}), f"{PATH}.backend"),
        (path(backend={"service": {"name": "s"}}), f"{PATH}.backend"),
        (path(backend={"service": {"name": "s", "port": {"name": "a", "number": 1}}}), f"{PATH}.backend"),
        (ingress(rules=[{"host": "A_b"}]), "spec.rules[0].host"),
        (ingress(rules=[{"host": "1.2.3.4"}]), "spec.rules[0].host"),
        (ingress(rules=[{"host": "a.*.b"}]), "spec.rules[0].host"),
        (ingress(defaultBackend=BACKEND, tls=[{"hosts": ["A_"]}]), "spec.tls[0].hosts[0]"),
        (peer(), PEER),
        (peer(ipBlock={"cidr": "x"}), f"{PEER}.ipBlock.cidr"),
        (peer(ipBlock={"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}), f"{PEER}.ipBlock.except[0]"),
        (peer(ipBlock={"cidr": "10.0.0.0/8"}, podSelector={}), PEER),
        (port(port=0), "spec.ingress[0].ports[0].port"),
        (port(port=5, endPort=3), "spec.ingress[0].ports[0].endPort"),
        (thing("Endpoints", subsets=[{"ports": [{"port": 80}]}]), "subsets[0]"),
        (thing("Endpoints", subsets=[{"addresses": [{"ip": "127.0.0.1"}]}]), "subsets[0].addresses[0].ip"),
        (
            thing(
                "EndpointSlice",
                "discovery.k8s.io/v1",
                addressType="IPv4",
                endpoints=[{"addresses": ["x"]}],
            ),
            "endpoints[0].addresses[0]",
        ),
    ],
)
def test_a_broken_object_is_told_where(complaints: Complaints, item: Object, field: str) -> None:
    [complaint] = complaints(item)
    assert complaint.startswith(f"{field}: ")


@pytest.mark.parametrize(
    "item",
    [
        service(),
        service(clusterIP="None"),
        service(type="NodePort", externalTrafficPolicy="Local"),
        service(type="ExternalName", externalName="example.org."),
        service(ports=[{"port": 80, "targetPort": 0}]),
        path(pathType="ImplementationSpecific", path=""),
        ingress(rules=[{"host": "*.example.org"}]),
        peer(namespaceSelector={}),
        peer(ipBlock={"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}),
        port(port="http", protocol="UDP"),
    ],
)
def test_an_object_in_order_is_accepted(complaints: Complaints, item: Object) -> None:
    assert complaints(item) == []
