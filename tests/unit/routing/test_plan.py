"""The route plan: what is in it, and what is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.routing.router import Request, route_in, route_out

from alcove.model import Alias, ClusterState, Endpoint, Port, Service, ServiceName, Space, SpaceName
from alcove.routing.choices import MOST_INSTANCES, Choices, Refusal, Target
from alcove.routing.envoy.names import ROUTES_TYPE, ProxySettings
from alcove.routing.plan import RoutePlan, plan_routes
from alcove.routing.snapshot import PodNode, compile_snapshots
from alcove.spaces.resolve import Reason

DEV, AMY, BOB, AMYX = SpaceName("dev"), SpaceName("amy"), SpaceName("bob"), SpaceName("amyx")
WEB = ServiceName("web")
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


def make_many(count: int) -> str:
    return " ".join(f"10.1.2.{at}" for at in range(1, count + 1))


def outcomes(plan: RoutePlan) -> dict[tuple[str, str], Target | Refusal]:
    return {
        (destination.socket, key): outcome
        for destination in plan.destinations
        for claim in destination.claims
        for key, outcome in claim.by_key.items()
    }


def test_only_what_somebody_overrides_or_a_child_has_is_in_the_table() -> None:
    plan = plan_routes(
        make_state(
            make_service(DEV, addresses="10.0.0.1", instances="10.1.0.1"),
            make_service(AMY, addresses="10.0.0.2", instances="10.1.0.2"),
            make_service(DEV, "api", addresses="10.0.0.3", instances="10.1.0.3"),
        )
    )
    target = Target(AMY, WEB, ("10.1.0.2:8080",))
    assert outcomes(plan) == {("10.0.0.1:80", "amy"): target, ("10.0.0.2:80", "amy"): target}
    assert all(claim.otherwise is None for each in plan.destinations for claim in each.claims)


def test_a_caller_reaches_the_family_of_addresses_that_it_dialled() -> None:
    plan = plan_routes(
        make_state(
            make_service(DEV, addresses="10.0.0.1 fd00:0::1", instances="10.1.0.1 fd01::1"),
            make_service(AMY, addresses="fd00::2 10.0.0.2", instances="fd01:0::2 10.1.0.2"),
        )
    )
    assert {
        key: outcome.sockets for key, outcome in outcomes(plan).items() if isinstance(outcome, Target)
    } == {
        ("10.0.0.1:80", "amy"): ("10.1.0.2:8080",),
        ("10.0.0.2:80", "amy"): ("10.1.0.2:8080",),
        ("[fd00::1]:80", "amy"): ("[fd01::2]:8080",),
        ("[fd00::2]:80", "amy"): ("[fd01::2]:8080",),
    }


def test_a_version_of_one_family_answers_callers_of_the_other_too() -> None:
    parent = make_service(DEV, addresses="fd00::1", instances="fd01::1")
    plan = plan_routes(make_state(parent, make_service(AMY, addresses="10.0.0.2", instances="10.1.0.2")))
    assert outcomes(plan)["[fd00::1]:80", "amy"] == Target(AMY, WEB, ("10.1.0.2:8080",))


@pytest.mark.parametrize("address", ["", "10.0.0.2"])
def test_every_ready_instance_of_a_version_answers(address: str) -> None:
    plan = plan_routes(
        make_state(
            make_service(DEV, addresses="10.0.0.1"),
            make_service(AMY, addresses=address, instances="10.1.0.2 10.1.0.1 10.1.0.3!"),
        )
    )
    target = Target(AMY, WEB, ("10.1.0.1:8080", "10.1.0.2:8080"))
    assert outcomes(plan)["10.0.0.1:80", "amy"] == target


def test_several_instances_share_what_comes() -> None:
    state = make_state(
        make_service(DEV, addresses="10.0.0.1", instances="10.1.0.9"),
        make_service(AMY, addresses="10.0.0.2", instances="10.1.0.2 10.1.0.1"),
    )
    node = PodNode(AMY)
    snapshot = compile_snapshots(plan_routes(state), [node], ProxySettings())[node]
    for address in ("10.0.0.1", "10.0.0.2"):
        verdict = route_out(snapshot, Request(address, 80))
        assert verdict.sockets == ("10.1.0.1:8080", "10.1.0.2:8080")
        assert (verdict.headers["azds-route-as"], verdict.told) == ("amy", "web.amy")
    body = snapshot.resources[ROUTES_TYPE]["outbound"].body
    shares = [each["weight"] for found in find_weighted(body) for each in found]
    assert shares and set(shares) == {1}


@pytest.mark.parametrize("more", [0, 1])
def test_a_version_with_many_instances_is_reached_by_the_clusters_address(more: int) -> None:
    many = make_many(MOST_INSTANCES + more)
    version = make_service(AMY, addresses="10.0.0.2", instances=f"{many} 10.1.9.1! 10.1.9.2!")
    plan = plan_routes(make_state(make_service(DEV, addresses="10.0.0.1"), version))
    outcome = outcomes(plan)["10.0.0.1:80", "amy"]
    assert isinstance(outcome, Target)
    assert outcome.sockets == ("10.0.0.2:80",) if more else len(outcome.sockets) == MOST_INSTANCES
    assert ("10.0.0.2:80" in {each.socket for each in plan.destinations}) == (not more), "then it stands"


def test_while_instances_differ_in_a_ports_number_the_cluster_leads_to_each() -> None:
    moving = replace(HTTP, differs=True)
    version = make_service(AMY, addresses="10.0.0.2", instances="10.1.0.1 10.1.0.2", ports=(moving,))
    plan = plan_routes(make_state(make_service(DEV, addresses="10.0.0.1"), version))
    outcome = outcomes(plan)["10.0.0.1:80", "amy"]
    assert isinstance(outcome, Target) and outcome.sockets == ("10.0.0.2:80",)


def test_a_headless_version_has_no_other_addresses_than_its_instances() -> None:
    version = make_service(AMY, instances=make_many(MOST_INSTANCES + 1))
    plan = plan_routes(make_state(make_service(DEV, addresses="10.0.0.1"), version))
    outcome = outcomes(plan)["10.0.0.1:80", "amy"]
    assert isinstance(outcome, Target) and len(outcome.sockets) == MOST_INSTANCES + 1


@pytest.mark.parametrize("key", ["amy", "amyx"])
def test_a_childs_own_address_leads_to_its_instances_and_falls_back_once_it_is_removed(key: str) -> None:
    spaces = {**SPACES, AMYX: Space(AMYX, AMY)}
    parent = make_service(DEV, addresses="10.0.0.1", instances="10.1.0.1")
    child = make_service(AMY, addresses="10.0.0.2", instances="10.1.0.2")
    before = dataclasses.replace(make_state(parent, child), spaces=spaces)
    assert outcomes(plan_routes(before))["10.0.0.2:80", key] == Target(AMY, WEB, ("10.1.0.2:8080",))
    spaces[AMY] = Space(AMY, DEV, {"10.0.0.2": Alias(WEB, (HTTP,))})
    (destination,) = plan_routes(dataclasses.replace(make_state(parent), spaces=spaces)).destinations
    assert destination.socket == "10.0.0.2:80"
    (claim,) = destination.claims
    assert not claim.by_key and claim.otherwise == Target(DEV, WEB, ("10.1.0.1:8080",))


def test_what_a_space_below_overrides_counts_at_a_childs_own_address() -> None:
    state = make_state(
        make_service(AMY, addresses="10.0.0.2", instances="10.1.0.2"),
        make_service(AMYX, addresses="10.0.0.3", instances="10.1.0.3"),
    )
    plan = plan_routes(dataclasses.replace(state, spaces={**SPACES, AMYX: Space(AMYX, AMY)}))
    amy, amyx = Target(AMY, WEB, ("10.1.0.2:8080",)), Target(AMYX, WEB, ("10.1.0.3:8080",))
    assert outcomes(plan) == {
        ("10.0.0.2:80", "amy"): amy,
        ("10.0.0.2:80", "amyx"): amyx,
        ("10.0.0.3:80", "amyx"): amyx,
    }


@pytest.mark.parametrize("headers", [{}, {"azds-route-as": "bob"}, {"azds-route-as": "nosuch"}])
@pytest.mark.parametrize("address", ["10.0.0.1", "10.0.0.2"])
def test_an_address_stands_for_those_whose_key_is_none_of_its_space(
    headers: dict[str, str], address: str
) -> None:
    state = make_state(
        make_service(DEV, addresses="10.0.0.1", instances="10.1.0.1"),
        make_service(AMY, addresses="10.0.0.2", instances="10.1.0.2"),
    )
    node = PodNode(DEV)
    snapshot = compile_snapshots(plan_routes(state), [node], ProxySettings())[node]
    verdict = route_out(snapshot, Request(address, 80, headers=headers))
    assert not verdict.sockets and not verdict.refused


def test_a_childs_address_without_a_ready_instance_stands() -> None:
    plan = plan_routes(make_state(make_service(AMY, addresses="10.0.0.2", instances="10.1.0.2!")))
    assert plan.destinations == ()


def test_an_instance_knows_nothing_of_its_own_addresses() -> None:
    own = make_service(AMY, addresses="10.0.0.2", instances="10.1.0.2")
    inbound = plan_routes(make_state(own)).inbound["10.1.0.2"]
    assert [claim for port in inbound.ports for claim in port.claims] == [Choices(AMY, WEB)]


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (make_service(AMY, instances="10.1.0.1!"), Reason.NO_INSTANCE),
        (make_service(AMY, addresses="10.0.0.2", instances="10.1.0.1!"), Reason.NO_INSTANCE),
        (make_service(AMY, addresses="10.0.0.2"), Reason.NO_INSTANCE),
        (make_service(AMY, addresses="10.0.0.2", ports=(Port(81, 1),)), Reason.NO_PORT),
    ],
)
def test_a_broken_version_is_not_replaced_by_the_parents(version: Service, reason: Reason) -> None:
    state = make_state(make_service(DEV, addresses="10.0.0.1", instances="10.1.0.9"), version)
    plan, node = plan_routes(state), PodNode(AMY)
    assert outcomes(plan) == {("10.0.0.1:80", "amy"): Refusal(AMY, WEB, reason)}
    snapshot = compile_snapshots(plan, [node], ProxySettings())[node]
    verdict = route_out(snapshot, Request("10.0.0.1", 80))
    assert verdict.refused == f"web of space amy cannot answer: {reason.value}"


def test_an_address_that_another_service_took_stands_for_that_one() -> None:
    other = make_service(BOB, "other", "10.0.0.2", "10.1.0.2")
    state = make_state(make_service(DEV, addresses="10.0.0.1", instances="10.1.0.1"), other)
    spaces = {**SPACES, AMY: Space(AMY, DEV, {"10.0.0.2": Alias(ServiceName("web"), (HTTP,))})}
    target = Target(BOB, ServiceName("other"), ("10.1.0.2:8080",))
    plan = plan_routes(dataclasses.replace(state, spaces=spaces))
    assert outcomes(plan) == {("10.0.0.2:80", "bob"): target}
    assert [claim.service for each in plan.destinations for claim in each.claims] == ["other"]


def test_an_alias_without_ports_has_those_of_the_versions_that_answer() -> None:
    spaces = {**SPACES, AMY: Space(AMY, DEV, {"10.0.0.2": Alias(ServiceName("web"))})}
    parent = make_service(DEV, addresses="10.0.0.1", instances="10.1.0.1")
    state = dataclasses.replace(make_state(parent), spaces=spaces)
    (destination,) = plan_routes(state).destinations
    assert destination.socket == "10.0.0.2:80"
    assert destination.claims[0].otherwise == Target(DEV, WEB, ("10.1.0.1:8080",))


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
        ("web", ("10.1.0.2:8080",)),
        ("WEB.dev:80", ("10.1.0.2:8080",)),
        ("web.dev.svc.cluster.local.", ("10.1.0.2:8080",)),
        ("other.dev.svc", ()),
        ("10.1.0.1", ()),
        ("xweb", ()),
    ],
)
def test_where_two_services_share_a_port_the_host_decides(host: str, answer: tuple[str, ...]) -> None:
    state = make_state(
        make_service(DEV, addresses="10.0.0.1", instances="10.1.0.1"),
        make_service(DEV, "other", "10.0.0.3", "10.1.0.1"),
        make_service(AMY, addresses="10.0.0.2", instances="10.1.0.2"),
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
    kept = make_service(SpaceName("kube-system"), addresses="10.0.0.9", instances="10.1.0.9")
    own = make_service(AMY, addresses="10.0.0.2", instances="10.1.0.2")
    plan = plan_routes(make_state(kept, own))
    assert outcomes(plan) == {("10.0.0.2:80", "amy"): Target(AMY, WEB, ("10.1.0.2:8080",))}


def find_weighted(content: Any) -> Iterator[list[dict[str, Any]]]:
    """Give the shares of every route that has some, wherever it is."""
    values = list(content.values()) if isinstance(content, dict) else content
    if isinstance(content, dict) and "weighted_clusters" in content:
        yield content["weighted_clusters"]["clusters"]
    for each in values if isinstance(content, dict | list) else ():
        yield from find_weighted(each)
