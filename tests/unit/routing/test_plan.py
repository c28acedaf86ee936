"""The route plan: what is in it, and what is not."""

from __future__ import annotations

import dataclasses

import pytest
from tests.unit.routing.router import Request, route_in, route_out

from alcove.model import Alias, ClusterState, Endpoint, Port, Service, ServiceName, Space, SpaceName
from alcove.routing.choices import Refusal, Target
from alcove.routing.envoy.names import ProxySettings
from alcove.routing.plan import RoutePlan, plan_routes
from alcove.routing.snapshot import PodNode, compile_snapshots
from alcove.spaces.resolve import Reason

DEV, AMY, BOB = SpaceName("dev"), SpaceName("amy"), SpaceName("bob")
SPACES = {DEV: Space(DEV), AMY: Space(AMY, DEV), BOB: Space(BOB, DEV)}
HTTP = Port(80, 8080, "http")


def make_service(
    space: SpaceName,
    name: str = "web",
    addresses: str = "",
    instances: str = "",
    ports: tuple[Port, ...] = (HTTP,),
) -> Service:
    endpoints = tuple(Endpoint(each.strip("!"), not each.endswith("!")) for each in instances.split())
    return Service(space, ServiceName(name), tuple(addresses.split()), ports, endpoints)


def make_state(*services: Service) -> ClusterState:
    return ClusterState(SPACES, {(service.space, service.name): service for service in services})


def outcomes(plan: RoutePlan) -> dict[tuple[str, str], Target | Refusal]:
    return {
        (destination.socket, key): outcome
        for destination in plan.destinations
        for claim in destination.claims
        for key, outcome in claim.by_key.items()
    }


def test_only_what_somebody_overrides_is_in_the_table() -> None:
    plan = plan_routes(
        make_state(make_service(DEV, addresses="10.0.0.1"), make_service(AMY, addresses="10.0.0.2"))
    )
    assert outcomes(plan) == {("10.0.0.1:80", "amy"): Target(AMY, ServiceName("web"), ("10.0.0.2:80",))}


def test_a_caller_reaches_the_family_of_addresses_that_it_dialled() -> None:
    plan = plan_routes(
        make_state(
            make_service(DEV, addresses="10.0.0.1 fd00:0::1"), make_service(AMY, addresses="fd00::2 10.0.0.2")
        )
    )
    assert {
        key: outcome.sockets for key, outcome in outcomes(plan).items() if isinstance(outcome, Target)
    } == {
        ("10.0.0.1:80", "amy"): ("10.0.0.2:80",),
        ("[fd00::1]:80", "amy"): ("[fd00::2]:80",),
    }


def test_every_ready_instance_of_a_headless_version_answers() -> None:
    plan = plan_routes(
        make_state(
            make_service(DEV, addresses="10.0.0.1"),
            make_service(AMY, instances="10.1.0.2 10.1.0.1 10.1.0.3!"),
        )
    )
    target = Target(AMY, ServiceName("web"), ("10.1.0.1:8080", "10.1.0.2:8080"))
    assert outcomes(plan) == {("10.0.0.1:80", "amy"): target}


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (make_service(AMY, instances="10.1.0.1!"), Reason.NO_INSTANCE),
        (make_service(AMY, addresses="10.0.0.2", ports=(Port(81, 1),)), Reason.NO_PORT),
    ],
)
def test_a_broken_version_is_not_replaced_by_the_parents(version: Service, reason: Reason) -> None:
    plan = plan_routes(make_state(make_service(DEV, addresses="10.0.0.1"), version))
    assert outcomes(plan) == {("10.0.0.1:80", "amy"): Refusal(AMY, ServiceName("web"), reason)}


def test_an_address_that_another_service_took_stands_for_that_one() -> None:
    state = make_state(make_service(DEV, addresses="10.0.0.1"), make_service(BOB, "other", "10.0.0.2"))
    spaces = {**SPACES, AMY: Space(AMY, DEV, {"10.0.0.2": Alias(ServiceName("web"), (HTTP,))})}
    assert plan_routes(dataclasses.replace(state, spaces=spaces)).destinations == ()


def test_an_alias_without_ports_has_those_of_the_versions_that_answer() -> None:
    spaces = {**SPACES, AMY: Space(AMY, DEV, {"10.0.0.2": Alias(ServiceName("web"))})}
    state = dataclasses.replace(make_state(make_service(DEV, addresses="10.0.0.1")), spaces=spaces)
    (destination,) = plan_routes(state).destinations
    assert destination.socket == "10.0.0.2:80"
    assert destination.claims[0].otherwise == Target(DEV, ServiceName("web"), ("10.0.0.1:80",))


def test_ranges_hold_every_address_of_the_cluster() -> None:
    state = make_state(make_service(DEV, addresses="10.0.0.1", instances="10.1.0.1 10.1.0.0 fd00::1"))
    assert plan_routes(dataclasses.replace(state, ranges=frozenset({"10.0.0.0/16"}))).ranges == (
        "10.0.0.0/16",
        "10.1.0.0/31",
        "fd00::1/128",
    )


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("web", ("10.0.0.2:80",)),
        ("WEB.dev:80", ("10.0.0.2:80",)),
        ("web.dev.svc.cluster.local.", ("10.0.0.2:80",)),
        ("other.dev.svc", ()),
        ("10.1.0.1", ()),
        ("xweb", ()),
    ],
)
def test_where_two_services_share_a_port_the_host_decides(host: str, answer: tuple[str, ...]) -> None:
    state = make_state(
        make_service(DEV, addresses="10.0.0.1", instances="10.1.0.1"),
        make_service(DEV, "other", "10.0.0.3", "10.1.0.1"),
        make_service(AMY, addresses="10.0.0.2"),
    )
    node = PodNode(DEV, ("10.1.0.1",))
    snapshot = compile_snapshots(plan_routes(state), [node], ProxySettings())[node]
    request = Request("10.1.0.1", 8080, host, {"azds-route-as": "amy"})
    assert route_in(snapshot, request).sockets == answer


@pytest.mark.parametrize(("host", "answer"), [("one", ("10.1.0.2:8080",)), ("two", ()), ("x", ())])
def test_where_two_headless_services_share_an_instance_the_host_decides(
    host: str, answer: tuple[str, ...]
) -> None:
    state = make_state(
        make_service(DEV, "one", instances="10.1.0.1"),
        make_service(DEV, "two", instances="10.1.0.1"),
        make_service(AMY, "one", instances="10.1.0.2"),
    )
    node = PodNode(AMY)
    snapshot = compile_snapshots(plan_routes(state), [node], ProxySettings())[node]
    verdict = route_out(snapshot, Request("10.1.0.1", 8080, host))
    assert (verdict.sockets, verdict.headers["azds-route-as"]) == (answer, "amy")


def test_services_outside_of_spaces_are_never_overridden() -> None:
    kept = make_service(SpaceName("kube-system"), addresses="10.0.0.9")
    plan = plan_routes(make_state(kept, make_service(AMY, addresses="10.0.0.2")))
    assert plan.destinations == ()
