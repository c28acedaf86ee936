"""The settings' own promises."""

from __future__ import annotations

from alcove.admission.quantities import parse_quantity
from alcove.admission.settings import INIT_RESOURCES, PROXY_RESOURCES, ProxyPorts


def test_defaults_have_requests_within_limits() -> None:
    for resources in (INIT_RESOURCES, PROXY_RESOURCES):
        for name in ("cpu", "memory"):
            request, limit = (parse_quantity(part[name]) for part in (resources.requests, resources.limits))
            assert request is not None
            assert limit is not None
            assert 0 < request <= limit


def test_all_ports_are_told_as_taken() -> None:
    ports = ProxyPorts(1, 2, 3)
    assert set(ports.taken()) == {1, 2, 3}
