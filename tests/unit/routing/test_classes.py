"""Three kinds of ports."""

from __future__ import annotations

import pytest
from tests.unit.routing.router import Request, class_of, inspected

from alcove.model import ClusterState, Endpoint, Port, Protocol, Service, ServiceName, Space, SpaceName
from alcove.routing.classes import Declared, PortClass, plan_classes
from alcove.routing.envoy.names import ProxySettings
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import PodNode, compile_snapshots

H, T, A = Protocol.HTTP, Protocol.TCP, Protocol.AUTO


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ([], ()),
        ([(80, "10.0.0.1", H), (80, "10.0.0.2", H)], (PortClass(80, H),)),
        ([(80, "10.0.0.1", T)], (PortClass(80, T),)),
        ([(80, "10.0.0.1", A)], ()),
        (
            [(80, "10.0.0.2", H), (80, "10.0.0.1", T), (80, "10.0.0.3", A)],
            (PortClass(80, A, ("10.0.0.2",), ("10.0.0.1",)),),
        ),
        ([(80, "10.0.0.1", H), (80, "10.0.0.1", T)], ()),
        ([(81, "10.0.0.1", H), (80, "10.0.0.1", T)], (PortClass(80, T), PortClass(81, H))),
    ],
)
def test_a_class_is_of_a_number(
    declared: list[tuple[int, str, Protocol]], expected: tuple[PortClass, ...]
) -> None:
    assert plan_classes(Declared(*each) for each in declared) == expected


PORTS = {1: (80, H), 2: (25, T), 3: (9000, H), 4: (9000, T), 5: (9000, A)}


@pytest.mark.parametrize(
    ("address", "port", "sniffed", "chain"),
    [
        ("10.0.0.1", 80, "http/1.1", "http"),
        ("10.0.0.1", 80, "", "http"),
        ("10.0.0.1", 80, "tls", "tcp"),
        ("10.0.0.2", 25, "", "tcp"),
        ("10.0.0.3", 9000, "", "http"),
        ("10.0.0.3", 9000, "tls", "tcp"),
        ("10.0.0.4", 9000, "http/1.1", "tcp"),
        ("10.0.0.5", 9000, "http/1.1", "http"),
        ("10.0.0.5", 9000, "", "tcp"),
        ("8.8.8.8", 443, "tls", "tcp"),
        ("8.8.8.8", 8000, "h2c", "http"),
        ("8.8.8.8", 8000, "http/1.0", "http"),
        ("8.8.8.8", 8000, "", "tcp"),
    ],
)
def test_connections_are_split(address: str, port: int, sniffed: str, chain: str) -> None:
    services = [
        Service(SpaceName("dev"), ServiceName(f"s{at}"), (f"10.0.0.{at}",), (Port(number, number, "", kind),))
        for at, (number, kind) in PORTS.items()
    ]
    state = ClusterState(
        {SpaceName("dev"): Space(SpaceName("dev"))}, {(each.space, each.name): each for each in services}
    )
    node = PodNode(SpaceName("dev"))
    snapshot = compile_snapshots(plan_routes(state), [node], ProxySettings())[node]
    assert class_of(snapshot, "outbound", Request(address, port), sniffed=sniffed) == chain
    assert inspected(snapshot, "outbound", "tls", port) is (port != 25)
    assert inspected(snapshot, "outbound", "http", port) is (port not in (25, 80))


def test_at_the_destination_the_containers_port_has_the_class() -> None:
    service = Service(
        SpaceName("dev"),
        ServiceName("db"),
        ("10.0.0.1",),
        (Port(3306, 13306, "", T),),
        (Endpoint("10.1.0.1"),),
    )
    state = ClusterState({service.space: Space(service.space)}, {(service.space, service.name): service})
    node = PodNode(service.space, ("10.1.0.1",))
    snapshot = compile_snapshots(plan_routes(state), [node], ProxySettings())[node]
    assert not inspected(snapshot, "inbound", "tls", 13306)
    assert inspected(snapshot, "inbound", "tls", 3306)
