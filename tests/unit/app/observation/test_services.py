"""Services with their addresses, ports and instances."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.app.observation.objects import Complaints, endpoint_slice, port, service

from alcove.app.observation.services import observe_service
from alcove.app.observation.slices import merge_slices, observe_slice
from alcove.model import Endpoint, Port, Protocol, Service

AUTO = Protocol.AUTO


def observe(item: dict[str, Any], *slices: dict[str, Any]) -> tuple[Service | None, list[str]]:
    heard = Complaints()
    read = [found for found in (observe_slice(each, heard) for each in slices) if found]
    merged = {key: merge_slices([part for other, part in read if other == key]) for key, _ in read}
    return observe_service(item, merged, heard), heard


def seen(item: dict[str, Any], *slices: dict[str, Any]) -> Service:
    found, heard = observe(item, *slices)
    assert found is not None and not heard
    return found


def test_addresses_of_both_families_count() -> None:
    found = seen(service("web.dev", address="10.96.0.1", clusterIPs=["10.96.0.1", "FD00:0::1"]))
    assert found.addresses == ("10.96.0.1", "fd00::1") and not found.headless
    assert seen(service("web.dev", address="10.96.0.1", clusterIPs=None)).addresses == ("10.96.0.1",)


def test_a_headless_service_has_the_instances_of_all_its_slices() -> None:
    found = seen(
        service("db.dev", port(5432)),
        endpoint_slice("db.dev", "10.1.0.2", "!10.1.0.1", ports={"": 5433}),
        endpoint_slice("db.dev", "fd00::9", "!fd00::9", ports={"": 5433}, name="six"),
        endpoint_slice("db.amy", "10.1.0.7"),
    )
    assert found.headless and found.ports == (Port(5432, 5433),)
    assert found.endpoints == (Endpoint("10.1.0.1", False), Endpoint("10.1.0.2"), Endpoint("fd00::9"))
    assert found.ready == ("10.1.0.2", "fd00::9")


def test_an_external_name_has_neither_addresses_nor_ports() -> None:
    found = seen(service("out.dev", port(80), type="ExternalName", externalName="example.org"))
    assert found.external_name == "example.org" and not found.headless and not found.ports


@pytest.mark.parametrize(
    ("entry", "targets", "expected"),
    [
        (port(80), {}, Port(80, 80)),
        (port(80, targetPort=8080), {}, Port(80, 8080)),
        (port(80, targetPort="web"), {}, Port(80, 80)),
        (port(80, "a", targetPort="web"), {"a": 8080}, Port(80, 8080, "a")),
        (port(80, "a", targetPort=8080), {"b": 9}, Port(80, 8080, "a")),
        (port(80, "http"), {}, Port(80, 80, "http", Protocol.HTTP)),
        (port(80, "a", appProtocol="tcp"), {}, Port(80, 80, "a", Protocol.TCP)),
    ],
)
def test_target_ports_are_those_of_the_slices(
    entry: dict[str, Any], targets: dict[str, int], expected: Port
) -> None:
    slices = [endpoint_slice("web.dev", "10.1.0.1", ports=targets)] if targets else []
    assert seen(service("web.dev", entry, address="10.96.0.1"), *slices).ports == (expected,)


def test_ports_of_other_transports_are_left_out() -> None:
    ports = [port(53, "dns", protocol="UDP"), port(53, "dns-tcp", protocol="TCP"), port(9, protocol="SCTP")]
    assert [each.name for each in seen(service("dns.dev", *ports)).ports] == ["dns-tcp"]


def test_the_annotation_says_what_ports_speak() -> None:
    annotations = {"alcove.dev/protocol": "tcp,web=http,9000=auto"}
    ports = [port(80, "web"), port(9000, "http"), port(81, "http-x")]
    found = seen(service("web.dev", *ports, address="10.96.0.1", annotations=annotations))
    assert {each.number: each.protocol.value for each in found.ports} == {80: "http", 81: "tcp", 9000: "auto"}


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (service("web.dev", address=""), "no cluster address"),
        (service("web.dev", address="nonsense"), "no cluster address"),
        (service("web.dev", clusterIPs={}, address="fe80::1%eth0"), "clusterIPs is no list"),
        (service("out.dev", type="ExternalName"), "externalName is missing"),
        (service("No.dev"), "its name is no valid name"),
        (service("web."), "its namespace is no valid name"),
    ],
)
def test_a_service_that_nobody_could_reach_is_left_out(item: dict[str, Any], why: str) -> None:
    found, heard = observe(item)
    assert found is None and any(why in each for each in heard)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (port(0), "port is no port number"),
        (port(True), "port is no port number"),
        (port("80"), "port is no port number"),
        ("80", "ports holds what is no object"),
    ],
)
def test_a_port_that_is_none_is_left_out_alone(entry: Any, why: str) -> None:
    found, heard = observe(service("web.dev", port(1), entry))
    assert found is not None and [each.number for each in found.ports] == [1] and heard == [why]


def test_instances_that_differ_in_a_target_are_told() -> None:
    slices = [
        endpoint_slice("web.dev", "10.1.0.1", ports={"": number}, name=str(number)) for number in (9, 8)
    ]
    found, heard = observe(service("web.dev", port(80), address="10.96.0.1"), *slices)
    assert found is not None and found.ports[0].target == 8
    assert heard == ["instances differ in the target of port 80: [8, 9]"]
    assert found is not None and found.ports[0].differs


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"addressType": "FQDN"}, "addressType is neither"),
        ({"endpoints": [{"addresses": ["x"]}]}, "no IP address"),
        ({"endpoints": 7}, "endpoints is no list"),
        ({"ports": [{"port": 99999}]}, "port is no port number"),
    ],
)
def test_a_slice_that_has_no_meaning_is_told(change: dict[str, Any], why: str) -> None:
    found, heard = observe(service("web.dev", port(80)), endpoint_slice("web.dev") | change)
    assert found is not None and not found.endpoints and why in heard[0]
    assert not observe(service("web.dev"), {"metadata": {}, "addressType": "FQDN"})[1]
