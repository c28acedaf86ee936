"""What names of ports declare."""

from __future__ import annotations

import pytest
from tests.unit.admission.worlds import app

from alcove.admission.ports import declared_ports, declared_protocol
from alcove.model import Protocol


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("http", Protocol.HTTP),
        ("HTTP-metrics", Protocol.HTTP),
        ("grpc-web", Protocol.HTTP),
        ("h2c", Protocol.HTTP),
        ("mysql", Protocol.TCP),
        ("https", Protocol.TCP),
        ("tcp-http", Protocol.TCP),
        ("httpx", Protocol.AUTO),
        ("", Protocol.AUTO),
    ],
)
def test_the_first_word_counts(name: str, protocol: Protocol) -> None:
    assert declared_protocol(name) is protocol


def test_only_what_is_declared_without_contradiction_is_given() -> None:
    containers = [
        app("a", ports=[{"containerPort": 90, "name": "tcp"}, {"containerPort": 80, "name": "http"}]),
        app("b", ports=[{"containerPort": 90, "name": "http"}, {"containerPort": 81}]),
        app("c", ports=[{"containerPort": 53, "name": "tcp", "protocol": "UDP"}]),
        app("d", ports=None),
    ]
    assert declared_ports(containers) == [{"port": 80, "protocol": "http"}]
