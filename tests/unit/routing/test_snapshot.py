"""Snapshots prove their references, and share what nodes have in common."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from tests.unit.routing.router import Request, route_in
from tests.unit.routing.worlds import any_name, any_state

from alcove.model import ClusterState, Endpoint, Port, Service, ServiceName, Space, SpaceName
from alcove.routing.envoy.contents import hash_content
from alcove.routing.envoy.names import CLUSTER_TYPE, LISTENER_TYPE, ROUTES_TYPE, ProxySettings
from alcove.routing.envoy.pods import Resources, compile_common, compile_own, compile_space, inbound_of
from alcove.routing.envoy.tables import compile_table
from alcove.routing.plan import RoutePlan, plan_routes
from alcove.routing.snapshot import (
    BrokenSnapshotError,
    GatewayNode,
    Node,
    PodNode,
    Resource,
    check_references,
    compile_snapshots,
    seal_snapshot,
)

DEV = SpaceName("dev")


def make_resources() -> Resources:
    plan, settings = RoutePlan(children=frozenset({DEV})), ProxySettings()
    common = compile_common(plan, settings)
    space = compile_space(DEV, compile_table(plan, settings))
    own = compile_own(inbound_of(plan, ()), settings)
    kinds = common.keys() | space.keys()
    found = {kind: [each for part in (common, space, own) for each in part.get(kind, [])] for kind in kinds}
    return copy.deepcopy(found)


@given(any_state(), any_name)
def test_every_reference_of_every_snapshot_resolves(state: ClusterState, space: SpaceName) -> None:
    nodes: list[Node] = [PodNode(space), PodNode(space, ("10.1.0.0",)), GatewayNode()]
    for snapshot in compile_snapshots(plan_routes(state), nodes, ProxySettings()).values():
        named = {kind: [each.body for each in found.values()] for kind, found in snapshot.resources.items()}
        check_references(named)


@pytest.mark.parametrize(
    ("kind", "missing"), [(ROUTES_TYPE, "outbound"), (CLUSTER_TYPE, "orig"), (LISTENER_TYPE, "inbound")]
)
def test_a_reference_that_leads_nowhere_is_refused(kind: str, missing: str) -> None:
    resources = make_resources()
    check_references(resources)
    resources[kind] = [each for each in resources[kind] if each["name"] != missing]
    with pytest.raises(BrokenSnapshotError, match=missing):
        check_references(resources)


def test_a_script_that_nobody_has_is_refused() -> None:
    resources = make_resources()
    text = "envoy.extensions.filters.http.lua.v3.LuaPerRoute"
    found = [each for each in _dicts(resources[ROUTES_TYPE]) if str(each.get("@type")).endswith(text)]
    found[0]["name"] = "unheard-of"
    with pytest.raises(BrokenSnapshotError, match="unheard-of"):
        check_references(resources)


def test_a_name_that_is_there_twice_is_refused() -> None:
    twice = [(CLUSTER_TYPE, Resource("orig", {"name": "orig"}, "1"))] * 2
    with pytest.raises(BrokenSnapshotError, match="two resources"):
        seal_snapshot(twice)


def test_pods_of_a_space_share_their_table() -> None:
    plan = plan_routes(ClusterState({DEV: Space(DEV)}))
    one, two = PodNode(DEV, ("10.1.0.1",)), PodNode(DEV, ("10.1.0.2",))
    found = compile_snapshots(plan, [one, two], ProxySettings())
    tables = [found[node].resources[ROUTES_TYPE]["outbound"] for node in (one, two)]
    assert tables[0] is tables[1]
    assert found[one].version == found[two].version


def test_a_version_is_of_the_content() -> None:
    assert hash_content({"a": 1, "b": [2]}) == hash_content({"b": [2], "a": 1})
    assert hash_content({"a": 1}) != hash_content({"a": 2})


@pytest.mark.parametrize("tell", [True, False])
def test_who_answers_is_told_unless_it_is_turned_off(tell: bool) -> None:
    service = Service(DEV, ServiceName("web"), ("10.0.0.1",), (Port(80, 8080),), (Endpoint("10.1.0.1"),))
    plan = plan_routes(ClusterState({DEV: Space(DEV)}, {(DEV, service.name): service}))
    node = PodNode(DEV, ("10.1.0.1",))
    snapshot = compile_snapshots(plan, [node], ProxySettings(tell_route=tell))[node]
    assert route_in(snapshot, Request("10.1.0.1", 8080)).told == ("web.dev" if tell else "")


def _dicts(value: object) -> list[dict[str, object]]:
    if isinstance(value, dict):
        return [value, *(found for each in value.values() for found in _dicts(each))]
    if isinstance(value, list):
        return [found for each in value for found in _dicts(each)]
    return []
