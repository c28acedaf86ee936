"""Namespaces as spaces, and the addresses of removed Services."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.app.observation.objects import Complaints, namespace

from alcove.app.observation.spaces import observe_space, parse_aliases, render_aliases
from alcove.model import Alias, Port, Protocol, ServiceName, Space, SpaceName

labels = st.from_regex(r"[a-z]([a-z0-9]{0,8})", fullmatch=True)
numbers = st.integers(1, 65535)
ports = st.builds(Port, numbers, numbers, st.text(max_size=5), st.sampled_from(Protocol))
aliases = st.dictionaries(
    st.ip_addresses().map(str),
    st.builds(Alias, labels.map(ServiceName), st.lists(ports, max_size=3).map(tuple)),
)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (namespace("dev"), Space(SpaceName("dev"))),
        (namespace("amy", "dev"), Space(SpaceName("amy"), SpaceName("dev"))),
        (namespace("amy", "No Such"), Space(SpaceName("amy"), SpaceName("No Such"))),
        (namespace("plain", space=False), None),
        ({"metadata": {"name": "x", "labels": {"azds.io/space": True}}}, None),
        ({}, None),
    ],
)
def test_a_namespace_is_a_space_by_its_label(item: dict[str, Any], expected: Space | None) -> None:
    heard = Complaints()
    assert observe_space(item, heard) == expected and not heard


def test_a_space_without_a_name_or_with_half_a_parent_is_told() -> None:
    heard = Complaints()
    own = {"azds.io/space": "true"}
    assert observe_space({"metadata": {"name": "No Name", "labels": own}}, heard) is None
    found = observe_space({"metadata": {"name": "a", "labels": own | {"azds.io/parent-space": 7}}}, heard)
    assert found == Space(SpaceName("a"))
    assert heard == ["its name is no valid name", "azds.io/parent-space is no text"]


@given(aliases)
def test_aliases_are_read_as_they_were_written(written: dict[str, Alias]) -> None:
    heard = Complaints()
    assert parse_aliases(render_aliases(written), heard) == written and not heard


@pytest.mark.parametrize(
    ("written", "kept", "why"),
    [
        ("nonsense", 0, "is no JSON object"),
        ("[1]", 0, "is no JSON object"),
        ("[" * 100_000, 0, "is no JSON object"),
        (7, 0, "is no JSON object"),
        ('{"web": {"service": "web"}}', 0, "no IP address"),
        ('{"10.0.0.1": "web", "10.0.0.2": {"service": "web"}}', 1, "an entry is no object"),
        ('{"10.0.0.1": {"service": "No"}}', 0, "service is no valid name"),
        ('{"10.0.0.1": {"service": "web", "ports": [{"number": 0}]}}', 1, "number is no port number"),
        ('{"10.0.0.1": {"service": "web", "ports": 7}}', 1, "ports is no list"),
        ('{"10.0.0.1": {"service": "web", "ports": [{"number": 1, "protocol": []}]}}', 1, "protocol is not"),
    ],
)
def test_what_has_no_meaning_is_left_out_and_told(written: object, kept: int, why: str) -> None:
    heard = Complaints()
    assert len(parse_aliases(written, heard)) == kept
    assert any(why in each for each in heard)
