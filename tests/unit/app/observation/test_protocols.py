"""What ports are declared to speak."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.app.observation.objects import Complaints

from alcove.app.observation.protocols import parse_protocols, resolve_protocol
from alcove.model import Protocol


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("- - http", Protocol.HTTP),
        ("- - http2", Protocol.HTTP),
        ("- - grpc-public", Protocol.HTTP),
        ("- - grpc-web", Protocol.HTTP),
        ("- - ws-chat", Protocol.HTTP),
        ("- - HTTP-alt", Protocol.HTTP),
        ("- - mysql", Protocol.TCP),
        ("- - redis-cache", Protocol.TCP),
        ("- - mongo", Protocol.TCP),
        ("- - tls-http", Protocol.TCP),
        ("- - https", Protocol.TCP),
        ("- - httpfoo", Protocol.AUTO),
        ("- - web", Protocol.AUTO),
        ("- - -", Protocol.AUTO),
        ("- kubernetes.io/h2c mysql", Protocol.HTTP),
        ("- kubernetes.io/wss http", Protocol.TCP),
        ("- example.com/own http", Protocol.HTTP),
        ("- tcp http", Protocol.TCP),
        ("auto tcp http", Protocol.AUTO),
        ("http tcp redis", Protocol.HTTP),
    ],
)
def test_the_annotation_counts_most_then_app_protocol_then_the_name(said: str, expected: Protocol) -> None:
    annotation, app, name = ("" if word == "-" else word for word in said.split())
    assert resolve_protocol(Protocol(annotation) if annotation else None, app, name) is expected


@pytest.mark.parametrize(
    ("annotation", "expected", "complaints"),
    [
        ("http", {"": "http"}, 0),
        (" TCP ", {"": "tcp"}, 0),
        ("web=http, 9000=tcp", {"web": "http", "9000": "tcp"}, 0),
        ("auto,web=http", {"": "auto", "web": "http"}, 0),
        ("web=http,admin=tcp", {"web": "http"}, 1),
        ("udp,web=http", {"web": "http"}, 1),
        ("=http,web=,==", {}, 3),
        ("", {}, 0),
    ],
)
def test_the_annotation_holds_for_all_ports_or_for_single_ones(
    annotation: str, expected: dict[str, str], complaints: int
) -> None:
    heard = Complaints()
    found = parse_protocols(annotation, {"web", "9000"}, heard)
    assert {name: each.value for name, each in found.items()} == expected and len(heard) == complaints


@given(st.text(alphabet="htpcau=, w\x00é"))
def test_any_annotation_is_read(annotation: str) -> None:
    assert set(parse_protocols(annotation, {"w"}, Complaints())) <= {"", "w"}
