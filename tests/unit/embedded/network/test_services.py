"""Services and slices as routes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.network.conftest import endpoints, service

from alcove.embedded.network.services import (
    SERVICES,
    SLICES,
    Endpoint,
    ServiceKey,
    ServiceTable,
    resolve_service,
)
from alcove.embedded.objects import WatchEvent

KEY = ServiceKey("default", "web")


def test_ports_are_matched_by_name_and_protocol() -> None:
    ports = [{"name": "a", "port": 1}, {"name": "a", "port": 2, "protocol": "UDP"}, {"name": "b", "port": 3}]
    route = resolve_service(
        service("web", "10.96.0.50", ports=ports), [endpoints("web", "10.42.0.2", port=11, name="a")]
    )
    assert [(port.port, len(port.endpoints)) for port in route.ports] == [(1, 1), (3, 0), (2, 0)]


def test_endpoints_that_end_are_used_only_when_no_other_is_ready() -> None:
    ending = endpoints("web", "10.42.0.2")
    ending["endpoints"][0]["conditions"] = {"ready": False, "serving": True, "terminating": True}
    spec = service("web", "10.96.0.50")
    assert resolve_service(spec, [ending]).ports[0].endpoints == (Endpoint("10.42.0.2", 8080),)
    both = resolve_service(spec, [ending, endpoints("web", "10.42.0.3")])
    assert both.ports[0].endpoints == (Endpoint("10.42.0.3", 8080),)


@pytest.mark.parametrize(
    ("spec", "addresses"),
    [
        ({"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd00::1"]}, ("10.96.0.1",)),
        ({"clusterIP": "10.96.0.1", "externalIPs": ["192.0.2.1"]}, ("10.96.0.1", "192.0.2.1")),
        ({"clusterIP": "None"}, ()),
        ({}, ()),
    ],
)
def test_only_ipv4_addresses_count(spec: dict[str, Any], addresses: tuple[str, ...]) -> None:
    assert resolve_service({"metadata": {}, "spec": spec}, []).addresses == addresses


def test_the_table_tells_which_service_is_another_now() -> None:
    table = ServiceTable()
    slices = endpoints("web", "10.42.0.2")
    assert table.observe(WatchEvent("ADDED", SLICES, slices)) is None
    assert table.observe(WatchEvent("ADDED", SERVICES, service("web", "10.96.0.50"))) == KEY
    assert table.observe(WatchEvent("MODIFIED", SERVICES, service("web", "10.96.0.50"))) is None
    assert table.observe(WatchEvent("DELETED", SLICES, slices)) == KEY
    assert table.routes[KEY].ports[0].endpoints == ()
    assert table.observe(WatchEvent("DELETED", SERVICES, service("web", "10.96.0.50"))) == KEY
    assert table.routes == {}


@pytest.mark.parametrize("address", ["1.2.3.999", "a.b.c.d", "1.1.1.1 }; flush ruleset", None, 7, "\0"])
def test_what_is_no_address_never_reaches_the_rules(address: Any) -> None:
    route = resolve_service(service("web", "10.96.0.50", externalIPs=[address]), [endpoints("web", address)])
    assert (route.addresses, route.ports[0].endpoints) == (("10.96.0.50",), ())


@pytest.mark.parametrize("port", [{"port": 0}, {"port": "80 ; x"}, {"port": 80, "protocol": "x"}, {}])
def test_what_is_no_port_never_reaches_the_rules(port: dict[str, Any]) -> None:
    assert resolve_service(service("web", "10.96.0.50", ports=[port]), []).ports == ()
