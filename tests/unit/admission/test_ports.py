"""The ports that containers declare."""

from __future__ import annotations

from tests.unit.admission.worlds import app

from alcove.admission.ports import tcp_ports


def test_ports_are_of_tcp_unless_they_say_otherwise() -> None:
    ports = [
        {"containerPort": 80, "name": "http"},
        {"containerPort": 81, "protocol": "TCP"},
        {"containerPort": 53, "name": "dns", "protocol": "UDP"},
    ]
    assert tcp_ports(app(ports=ports)) == [(80, "http"), (81, "")]


def test_no_ports_are_none() -> None:
    assert tcp_ports(app(ports=None)) == []
    assert tcp_ports(app()) == []
