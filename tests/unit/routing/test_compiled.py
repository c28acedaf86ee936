"""What is compiled, followed by a router of our own, decides as the rules do."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.routing.router import Request, Verdict, chain_of, route_entry, route_in, route_out
from tests.unit.routing.worlds import HOSTS, any_name, any_state
from tests.unit.spaces.worlds import NAMES

from alcove.model import (
    ClusterState,
    Entry,
    Port,
    RouteKey,
    SecretName,
    Service,
    ServiceName,
    Space,
    SpaceName,
)
from alcove.routing.envoy.names import FALLBACK, ROUTES_TYPE, SECRET_TYPE, UNSERVED, ProxySettings
from alcove.routing.envoy.secrets import render_secret
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import GatewayNode, Node, PodNode, Snapshot, compile_snapshots
from alcove.spaces.hosts import parse_host
from alcove.spaces.resolve import Decision, Reason, decide, decide_port
from alcove.spaces.tree import plan_tree

K = TypeVar("K")
V = TypeVar("V")

any_key = st.sampled_from(["", *NAMES, "nobody"])
SETTINGS = ProxySettings()


def compile_one(state: ClusterState, node: Node) -> Snapshot:
    return compile_snapshots(plan_routes(state), [node], SETTINGS)[node]


def decided(state: ClusterState, service: ServiceName, space: SpaceName, key: str, asked: Port) -> Decision:
    tree = plan_tree(state.spaces.values())
    name = RouteKey(key) if key else None
    decision = decide(tree, state.services, service=service, space=space, key=name)
    return decide_port(state.services, service=service, decision=decision, asked=asked)


def expected(state: ClusterState, service: ServiceName, decision: Decision) -> tuple[set[str], str]:
    """Give the sockets at which a decision is answered, or why nobody does."""
    if decision.space is None or decision.port is None:
        return set(), decision.reason.value
    found = state.services[decision.space, service]
    sockets = {f"{address}:{decision.port.target}" for address in found.ready}
    return sockets, "" if sockets else Reason.NO_INSTANCE.value


def effective(state: ClusterState, caller: SpaceName, key: str) -> str:
    chain = plan_tree(state.spaces.values()).chain(caller)
    return key or (caller if len(chain) > 1 else "")


def headers(key: str) -> dict[str, str]:
    return {"azds-route-as": key} if key else {}


def check(verdict: Verdict, sockets: set[str], why: str) -> None:
    assert (why in verdict.refused) if why else (set(verdict.sockets) == sockets and not verdict.refused)


@given(any_state(), any_name, any_key)
def test_what_leaves_for_a_service_goes_where_the_rules_say(
    state: ClusterState, caller: SpaceName, key: str
) -> None:
    snapshot = compile_one(state, PodNode(caller))
    for service in state.services.values():
        for port in service.ports if service.addresses else ():
            verdict = route_out(snapshot, Request(service.addresses[0], port.number, headers=headers(key)))
            decision = decided(state, service.name, service.space, effective(state, caller, key), port)
            if decision.space == service.space:
                leads = decision.reason in (Reason.OWN, Reason.INHERITED) and _is_child(state, service.space)
                leads |= service.in_session and service.space in plan_tree(state.spaces.values()).parents
                own = expected(state, service.name, replace(decision, port=port))[0] if leads else set()
                assert set(verdict.sockets) == own and not verdict.refused
            else:
                check(verdict, *expected(state, service.name, decision))
            _check_key(state, caller, key, verdict)


@given(any_state(), any_name, any_key)
def test_what_leaves_for_a_removed_service_goes_where_its_name_leads(
    state: ClusterState, caller: SpaceName, key: str
) -> None:
    snapshot = compile_one(state, PodNode(caller))
    for space in state.spaces.values():
        for address, alias in space.aliases.items():
            for port in alias.ports:
                verdict = route_out(snapshot, Request(address, port.number, headers=headers(key)))
                seen = effective(state, caller, key)
                decision = decided(state, alias.service, space.name, seen, port)
                check(verdict, *expected(state, alias.service, decision))


@given(any_state(), any_key)
def test_a_headless_service_is_addressed_by_its_instances(state: ClusterState, key: str) -> None:
    snapshot = compile_one(state, PodNode(SpaceName("nowhere")))
    for service in state.services.values():
        for port in _single_targets(service) if service.headless else ():
            decision = decided(state, service.name, service.space, key, port)
            for address in service.ready:
                verdict = route_out(snapshot, Request(address, port.target, headers=headers(key)))
                if decision.space == service.space:
                    assert not verdict.sockets and not verdict.refused
                else:
                    check(verdict, *expected(state, service.name, decision))


@given(any_state(), any_key)
def test_what_arrives_at_the_wrong_version_is_sent_on_once(state: ClusterState, key: str) -> None:
    for service in state.services.values():
        for endpoint in (
            service.endpoints if service.space in state.spaces and not service.external_name else ()
        ):
            snapshot = compile_one(state, PodNode(service.space, (endpoint.address,)))
            for port in _single_targets(service):
                request = Request(endpoint.address, port.target, headers=headers(key))
                verdict = route_in(snapshot, request)
                decision = decided(state, service.name, service.space, key, port)
                if decision.space == service.space:
                    assert verdict == Verdict(told=f"{service.name}.{service.space}")
                else:
                    check(verdict, *expected(state, service.name, decision))
                    assert verdict.refused or verdict.headers == {"x-alcove-once": "1"}
                guarded = dataclasses.replace(request, headers={**request.headers, "x-alcove-once": "1"})
                assert not route_in(snapshot, guarded).sockets


@given(any_state(), any_key, any_name)
def test_whoever_enters_a_host_sees_the_view_of_its_prefix(
    state: ClusterState, key: str, prefix: SpaceName
) -> None:
    snapshot = compile_one(state, GatewayNode())
    tree = plan_tree(state.spaces.values())
    for host in HOSTS:
        rules = [
            entry for entry in state.entries if entry.host.endswith(host) and entry.space in tree.parents
        ]
        ruling = {entry.space for entry in rules}
        tops = {[each for each in tree.chain(space) if each in ruling][-1] for space in ruling}
        plain = {
            top for top in tops for entry in rules if entry.host == host and top in tree.chain(entry.space)
        }
        winner = min(plain, key=lambda space: (len(tree.chain(space)), space), default=None)
        assert (route_entry(snapshot, Request("", 0, host=host)) is not None) == (winner is not None)
        owner = next((top for top in tops if top in tree.chain(prefix)), None)
        verdict = route_entry(snapshot, Request("", 0, host=f"{prefix}.s.{host}", headers=headers(key)))
        assert (verdict is not None) == (owner is not None and not prefix == owner == winner)
        for entry in rules if verdict is not None else ():
            family = [each for each in rules if owner in tree.chain(each.space)]
            if entry.space != owner or any(each.space != owner for each in family):
                continue
            same = [each for each in family if each.path == entry.path]
            asked = _asked(state, entry.service, owner, key or prefix, entry.port)
            if len(same) == 1:
                request = Request("", 0, f"{prefix}.s.{host}", headers(key), entry.path)
                decision = decided(state, entry.service, owner, key or prefix, asked)
                seen = route_entry(snapshot, request)
                assert seen is not None
                check(seen, *expected(state, entry.service, decision))


SECRETS = {
    name: render_secret(name, "chain", "key")
    for name in (FALLBACK, *(f"{each}/{name}" for each in NAMES for name in "pq"))
}


@given(any_state(), any_name)
def test_every_host_takes_a_chain_whose_certificate_is_there_and_for_it_if_one_is(
    state: ClusterState, prefix: SpaceName
) -> None:
    node = GatewayNode()
    snapshot = compile_snapshots(plan_routes(state), [node], SETTINGS, secrets=SECRETS)[node]
    usable = {name for name, each in state.certificates.items() if not each.fault}
    assert set(snapshot.resources[SECRET_TYPE]) <= {FALLBACK, *usable}
    for host in [each for inner in HOSTS for each in (inner, f"{prefix}.s.{inner}")]:
        chain, served = chain_of(snapshot, host), route_entry(snapshot, Request("", 0, host=host)) is not None
        if chain == FALLBACK:
            continue
        assert served
        asked = {each.secret for each in state.tls if host.endswith(each.host)}
        covering = {name for name in asked & usable if state.certificates[name].covers(host)}
        if chain == UNSERVED:
            assert asked - usable
        else:
            assert chain in asked & usable
            assert state.certificates[SecretName(chain)].covers(host) or not covering - _unrelated(
                state, host
            )


def _unrelated(state: ClusterState, host: str) -> set[SecretName]:
    """Give the Secrets of spaces that a host's prefix does not fall back to; without one, all of them."""
    tree, key = plan_tree(state.spaces.values()), parse_host(host).key
    chain = tree.chain(SpaceName(key)) if key else ()
    return {each.secret for each in state.tls if each.space not in chain}


@given(any_state(), st.lists(st.tuples(any_name, any_name, st.sampled_from(HOSTS)), max_size=4))
def test_no_name_is_served_by_two_hosts(
    state: ClusterState, strays: list[tuple[SpaceName, SpaceName, str]]
) -> None:
    """Envoy refuses a table in which a name is there twice."""
    more = {Entry(space, f"{prefix}.s.{host}", ServiceName("web"), 80) for space, prefix, host in strays}
    snapshot = compile_one(dataclasses.replace(state, entries=state.entries | more), GatewayNode())
    hosts = snapshot.resources[ROUTES_TYPE]["gateway"].body["virtual_hosts"]
    names = [name for each in hosts for name in each["domains"]]
    assert len(names) == len(set(names)) and len({each["name"] for each in hosts}) == len(hosts)


@given(any_state(), st.randoms(), any_name)
def test_the_order_of_objects_changes_nothing(
    state: ClusterState, source: random.Random, caller: SpaceName
) -> None:
    shuffled = dataclasses.replace(
        state,
        spaces={
            name: _shuffled_space(each, source) for name, each in _shuffled(state.spaces, source).items()
        },
        services={
            key: _shuffled_service(each, source) for key, each in _shuffled(state.services, source).items()
        },
        certificates=_shuffled(state.certificates, source),
    )
    assert plan_routes(shuffled) == plan_routes(state)
    for node in (PodNode(caller), GatewayNode()):
        assert compile_one(shuffled, node).version == compile_one(state, node).version


@given(any_state(), any_name)
def test_the_table_holds_what_is_overridden_a_childs_or_worked_on_and_nothing_else(
    state: ClusterState, caller: SpaceName
) -> None:
    spaces = {name: dataclasses.replace(space, aliases={}) for name, space in state.spaces.items()}
    plan = plan_routes(dataclasses.replace(state, spaces=spaces))
    for destination in plan.destinations:
        for claim in destination.claims:
            own = {key for key, outcome in claim.by_key.items() if outcome.space == claim.space}
            service = state.services[claim.space, claim.service]
            assert not own or (_is_child(state, claim.space) and service.addresses and service.ready)
            assert all(claim.space in plan_tree(spaces.values()).chain(SpaceName(key)) for key in own)
            if claim.otherwise is not None:  # of a removed Service, or of one that somebody works on
                assert service.in_session and claim.otherwise.space == claim.space
        assert not all(claim.trivial for claim in destination.claims)


@given(any_state())
def test_a_pod_knows_of_other_versions_alone(state: ClusterState) -> None:
    for inbound in plan_routes(state).inbound.values():
        for claim in (claim for port in inbound.ports for claim in port.claims):
            assert claim.otherwise is None
            assert all(outcome.space != claim.space for outcome in claim.by_key.values())


def _is_child(state: ClusterState, space: SpaceName) -> bool:
    return len(plan_tree(state.spaces.values()).chain(space)) > 1


def _check_key(state: ClusterState, caller: SpaceName, key: str, verdict: Verdict) -> None:
    own = effective(state, caller, "")
    if not verdict.refused:
        assert verdict.headers.get("azds-route-as", "") == ("" if key else own)


def _single_targets(service: Service) -> list[Port]:
    """Give the ports that have a container port for themselves."""
    targets = [port.target for port in service.ports]
    return [port for port in service.ports if targets.count(port.target) == 1]


def _asked(state: ClusterState, service: ServiceName, owner: SpaceName, key: str, port: int | str) -> Port:
    decision = decided(state, service, owner, key, Port(0, 0))
    spaces = [owner, *([decision.space] if decision.space else [])]
    versions = [state.services[space, service] for space in spaces if (space, service) in state.services]
    ports = [each for version in versions for each in sorted(version.ports, key=lambda each: each.number)]
    found = next((each for each in ports if port in (each.number, each.name)), None)
    return found or (Port(0, 0, port) if isinstance(port, str) else Port(port, port))


def _shuffled_space(space: Space, source: random.Random) -> Space:
    return dataclasses.replace(space, aliases=_shuffled(space.aliases, source))


def _shuffled_service(service: Service, source: random.Random) -> Service:
    return dataclasses.replace(
        service,
        ports=tuple(source.sample(service.ports, len(service.ports))),
        endpoints=tuple(source.sample(service.endpoints, len(service.endpoints))),
    )


def _shuffled(mapping: Mapping[K, V], source: random.Random) -> dict[K, V]:
    return {key: mapping[key] for key in source.sample(list(mapping), len(mapping))}
