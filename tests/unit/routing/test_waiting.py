"""What is different for a pod of a session, and that nothing else is."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.routing.router import Request, route_in, route_out
from tests.unit.routing.worlds import any_state
from tests.unit.spaces.worlds import NAMES

from alcove.model import ClusterState, Endpoint, Port, Protocol, Service, ServiceName, Space, SpaceName
from alcove.routing.envoy.names import CLUSTER_TYPE, LISTENER_TYPE, ROUTES_TYPE, ProxySettings
from alcove.routing.envoy.waiting import attempts
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import Compiler, PodNode, Snapshot, compile_snapshots

SETTINGS = ProxySettings()
ADDRESS, POD, OTHER = "10.96.0.1", "10.1.0.1", "10.1.0.2"
DEV, AMY, WEB = SpaceName("dev"), SpaceName("amy"), ServiceName("web")


def state(*endpoints: Endpoint, space: SpaceName = DEV) -> ClusterState:
    """Give a space and its child; one of them has a web with these instances."""
    port = Port(80, 8080, "http", Protocol.HTTP)
    service = Service(space, WEB, (ADDRESS,), (port,), endpoints)
    spaces = {DEV: Space(DEV), AMY: Space(AMY, DEV)}
    return ClusterState(spaces, {(space, WEB): service}, ranges=frozenset({"10.96.0.0/16"}))


def compiled(seen: ClusterState, node: PodNode, settings: ProxySettings = SETTINGS) -> Snapshot:
    return compile_snapshots(plan_routes(seen), [node], settings)[node]


@given(any_state(), st.sampled_from(["", *NAMES]))
def test_waiting_changes_no_decision(seen: ClusterState, key: str) -> None:
    headers = {"azds-route-as": key} if key else {}
    for service in seen.services.values():
        for endpoint in service.endpoints:
            node = PodNode(service.space, (endpoint.address,))
            plain, patient = compiled(seen, node), compiled(seen, dataclasses.replace(node, waits=True))
            for port in service.ports:
                request = Request(endpoint.address, port.target, headers=headers)
                assert route_in(plain, request) == route_in(patient, request)


@given(any_state())
def test_nothing_is_different_but_what_reaches_the_pod(seen: ClusterState) -> None:
    node = PodNode(DEV, (POD,))
    plain, patient = compiled(seen, node), compiled(seen, dataclasses.replace(node, waits=True))
    assert plain.resources[CLUSTER_TYPE] == patient.resources[CLUSTER_TYPE]
    for kind in (LISTENER_TYPE, ROUTES_TYPE):
        assert plain.resources[kind]["outbound"] == patient.resources[kind]["outbound"]
        assert plain.resources[kind]["inbound"].version != patient.resources[kind]["inbound"].version


@given(any_state())
def test_of_other_pods_nothing_says_how_long_is_waited(seen: ClusterState) -> None:
    node = PodNode(DEV, (POD,))
    assert compiled(seen, node, ProxySettings(wait_seconds=7)).version == compiled(seen, node).version
    assert "retry" not in json.dumps(
        [one.body for one in compiled(seen, node).resources[ROUTES_TYPE].values()]
    )


def test_only_what_found_nobody_listening_is_tried_again() -> None:
    snapshot = compiled(state(Endpoint(POD)), PodNode(DEV, (POD,), waits=True), ProxySettings(wait_seconds=3))
    text = json.dumps(snapshot.resources[ROUTES_TYPE]["inbound"].body)
    assert text.count('"retry_on"') == text.count('"retry_on": "connect-failure"') > 0
    assert text.count('"num_retries": 60') == text.count('"retry_on"')
    assert attempts(ProxySettings(wait_seconds=0)) == 1


def test_a_compiler_tells_a_pod_that_waits_from_one_at_its_address_that_does_not() -> None:
    plain, patient = PodNode(DEV, (POD,)), PodNode(DEV, (POD,), waits=True)
    found = Compiler(SETTINGS).compile(plan_routes(state(Endpoint(POD))), [plain, patient])
    assert found[plain].version != found[patient].version


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        ((Endpoint(POD, ready=False, waits=True),), {POD}),
        ((Endpoint(POD, ready=True, waits=True),), {POD}),
        ((Endpoint(POD, ready=False, waits=True), Endpoint(OTHER)), {OTHER}),
        ((Endpoint(POD, ready=False, waits=True), Endpoint(OTHER, ready=False)), {POD}),
        ((Endpoint(POD, ready=False, waits=True), Endpoint(OTHER, waits=True)), {OTHER}),
    ],
)
@pytest.mark.parametrize("space", [DEV, AMY])
@pytest.mark.parametrize("key", ["", "amy", "nobody"])
def test_callers_reach_an_instance_at_which_they_wait_only_where_none_is_ready(
    endpoints: tuple[Endpoint, ...], expected: set[str], space: SpaceName, key: str
) -> None:
    seen = state(*endpoints, space=space)
    headers = {"azds-route-as": key} if key else {}
    verdict = route_out(compiled(seen, PodNode(DEV)), Request(ADDRESS, 80, headers=headers))
    assert set(verdict.sockets) == {f"{address}:8080" for address in expected}
    assert not verdict.refused


def test_while_nobody_works_on_a_service_its_address_is_left_to_the_cluster() -> None:
    for endpoint in (Endpoint(POD), Endpoint(POD, ready=False)):
        verdict = route_out(compiled(state(endpoint), PodNode(DEV)), Request(ADDRESS, 80))
        assert not verdict.sockets and not verdict.refused


def test_a_restart_changes_no_table() -> None:
    versions = {
        compiled(state(Endpoint(POD, ready, waits=True)), PodNode(DEV)).version for ready in (True, False)
    }
    assert len(versions) == 1
