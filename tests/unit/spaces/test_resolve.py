"""Which space answers, and why."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.spaces.worlds import NAMES, SERVICES, any_services, any_spaces, make_services, make_tree

from alcove.model import Port, RouteKey, Service, ServiceName, Space, SpaceName
from alcove.spaces.resolve import Decision, Reason, Services, decide, decide_port, match_port, resolve_service
from alcove.spaces.tree import plan_tree

TREE = make_tree(dev="", amy="dev", amyx="amy", bob="dev", prod="")

any_key = st.none() | st.sampled_from([RouteKey(name) for name in [*NAMES, "gone", ""]])


@pytest.mark.parametrize(
    ("services", "space", "key", "answer", "reason"),
    [
        ({"dev": "web"}, "dev", None, "dev", Reason.NO_KEY),
        ({"dev": "web"}, "dev", "", "dev", Reason.NO_KEY),
        ({"dev": "web"}, "dev", "nobody", "dev", Reason.UNKNOWN_KEY),
        ({"dev": "web", "prod": "web"}, "dev", "prod", "dev", Reason.UNRELATED),
        ({"dev": "web"}, "dev", "dev", "dev", Reason.OWN),
        ({"dev": "web"}, "dev", "amy", "dev", Reason.INHERITED),
        ({"dev": "web", "amy": "web"}, "dev", "amy", "amy", Reason.OVERRIDDEN),
        ({"dev": "web", "amy": "web"}, "dev", "amyx", "amy", Reason.OVERRIDDEN),
        ({"dev": "web", "amyx": "web"}, "dev", "amyx", "amyx", Reason.OVERRIDDEN),
        ({"dev": "web", "amyx": "web"}, "dev", "amy", "dev", Reason.INHERITED),
        ({"dev": "web", "amy": "web"}, "amy", "dev", "amy", Reason.UNRELATED),
        ({"dev": "web", "amy": "web"}, "amy", "bob", "amy", Reason.UNRELATED),
        ({"dev": "web", "amy": "web"}, "amy", "amy", "amy", Reason.OWN),
        ({"dev": "web", "amy": "web"}, "amy", "amyx", "amy", Reason.INHERITED),
        ({"dev": "web"}, "amy", None, "dev", Reason.FALLEN_BACK),
        ({"dev": "web"}, "amy", "amy", "dev", Reason.FALLEN_BACK),
        ({"dev": "web", "amyx": "web"}, "amy", "amyx", "amyx", Reason.FALLEN_BACK),
        ({"dev": "web"}, "amy", "bob", "dev", Reason.FALLEN_BACK),
        ({}, "amy", "amyx", None, Reason.ABSENT),
        ({}, "amy", None, None, Reason.ABSENT),
        ({"prod": "web"}, "dev", "amy", None, Reason.ABSENT),
    ],
)
def test_the_rules(
    services: dict[str, str], space: str, key: str | None, answer: str | None, reason: Reason
) -> None:
    decision = decide(
        TREE,
        make_services(**services),
        service=ServiceName("web"),
        space=SpaceName(space),
        key=None if key is None else RouteKey(key),
    )
    assert decision == Decision(None if answer is None else SpaceName(answer), reason)


def test_an_external_name_never_overrides() -> None:
    services = dict(make_services(dev="web"))
    key = (SpaceName("amy"), ServiceName("web"))
    services[key] = Service(*key, external_name="example.com")
    assert resolve_service(TREE, services, service=key[1], space=key[0]) == "dev"


@given(any_spaces, any_services, st.sampled_from(SERVICES), st.sampled_from(NAMES), any_key)
def test_a_request_only_moves_down(
    spaces: list[Space], services: Services, service: ServiceName, space: SpaceName, key: RouteKey | None
) -> None:
    tree = plan_tree(spaces)
    there = (space, service) in services
    decision = decide(tree, services, service=service, space=space, key=key)
    if decision.space is None:
        assert decision.reason is Reason.ABSENT and not there
        return
    assert (decision.space, service) in services
    if there:
        assert decision.space == space or space in tree.chain(decision.space)[1:]


@given(any_spaces, any_services, st.sampled_from(SERVICES), st.sampled_from(NAMES))
def test_resolution_ends_at_the_nearest_version_of_the_chain(
    spaces: list[Space], services: Services, service: ServiceName, space: SpaceName
) -> None:
    tree = plan_tree(spaces)
    having = [name for name in tree.chain(space) if (name, service) in services]
    assert resolve_service(tree, services, service=service, space=space) == (having[0] if having else None)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Port(80, 1, "x"), Port(80, 8080, "http")),
        (Port(81, 1, "http"), Port(80, 8080, "http")),
        (Port(81, 1), None),
        (Port(81, 1, "other"), None),
    ],
)
def test_ports_match_by_number_and_else_by_name(asked: Port, expected: Port | None) -> None:
    ports = (Port(80, 8080, "http"), Port(9090, 9090))
    assert match_port(ports, asked) == expected


def test_a_version_without_the_port_is_told_apart() -> None:
    services = {
        key: dataclasses.replace(found, ports=(Port(80, 8080),))
        for key, found in make_services(dev="web").items()
    }
    decision = Decision(SpaceName("dev"), Reason.NO_KEY)
    web = ServiceName("web")
    assert decide_port(services, service=web, decision=decision, asked=Port(80, 1)).port == Port(80, 8080)
    assert decide_port(services, service=web, decision=decision, asked=Port(81, 1)).reason is Reason.NO_PORT
