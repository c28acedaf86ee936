"""A request's way through compiled resources: out of the caller's pod, into another, perhaps into a third."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.feature.routing import states
from tests.unit.routing.router import Request, class_of, route_in, route_out

from alcove.model import ClusterState, ServiceName, SpaceName
from alcove.routing.envoy.names import ProxySettings
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import Node, PodNode, Snapshot, compile_snapshots
from alcove.spaces.headers import parse_route_key

PORTS = {"http": states.HTTP, "grpc": states.GRPC, "tcp": states.TCP, "plain": states.PLAIN}
_SNIFFED = {"http": "http/1.1", "plain": "http/1.1", "grpc": "h2c", "tcp": ""}


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a request ends."""

    space: str
    """``-`` when nobody answers."""
    key: str = ""
    """The key that it carries by then."""
    refused: str = ""


def pod_node(space: str) -> PodNode:
    """Give the node of a space's pod."""
    return PodNode(SpaceName(space), (states.pod_address(space),))


def compile_state(state: ClusterState) -> Mapping[Node, Snapshot]:
    """Give the snapshots of all pods."""
    nodes = [pod_node(space) for space in states.SPACES]
    return compile_snapshots(plan_routes(state), nodes, ProxySettings(addresses=("0.0.0.0",)))


def dialled(state: ClusterState, to: str, protocol: str) -> tuple[str, int]:
    """Give the address and port at which a caller finds a Service, or found it before it was removed."""
    service, space = to.split(".")
    found = state.services.get((SpaceName(space), ServiceName(service)))
    port = PORTS[protocol]
    if service == states.HEADLESS and found is not None:
        return states.pod_address(space), next(each.target for each in found.ports if each.number == port)
    return states.cluster_address(space, service), port


def walk(state: ClusterState, snapshots: Mapping[Node, Snapshot], case: states.Case) -> Arrival:
    """Give where a case's request ends."""
    address, port = dialled(state, case.to, case.protocol)
    request = Request(address, port, case.host, case.headers)
    socket, headers = f"{address}:{port}", dict(case.headers)
    if case.caller != states.OUTSIDE:
        snapshot = snapshots[pod_node(case.caller)]
        chain = class_of(snapshot, "outbound", request, sniffed=_SNIFFED[case.protocol])
        if chain == "http":
            verdict = route_out(snapshot, request)
            headers |= verdict.headers
            if verdict.refused:
                return Arrival("-", refused=verdict.refused)
            socket = verdict.sockets[0] if verdict.sockets else socket
    return _arrive(state, snapshots, case, socket, headers)


def _arrive(
    state: ClusterState,
    snapshots: Mapping[Node, Snapshot],
    case: states.Case,
    socket: str,
    headers: dict[str, str],
) -> Arrival:
    reached = _owner(state, socket)
    if reached is None:
        return Arrival("-", refused="nothing is there")
    space, target = reached
    request = Request(states.pod_address(space), target, case.host, headers)
    if class_of(snapshots[pod_node(space)], "inbound", request, sniffed=_SNIFFED[case.protocol]) == "http":
        verdict = route_in(snapshots[pod_node(space)], request)
        if verdict.refused:
            return Arrival("-", refused=verdict.refused)
        if verdict.sockets:
            return _arrive(state, snapshots, case, verdict.sockets[0], {**headers, **verdict.headers})
    found = parse_route_key(headers.items())
    return Arrival(space, str(found[0]) if found else "")


def _owner(state: ClusterState, socket: str) -> tuple[str, int] | None:
    """Give the pod that a socket leads to, by its space, and the port of its container."""
    address, _, port = socket.rpartition(":")
    for (space, _), service in state.services.items():
        for each in service.ports:
            if (address in service.addresses and each.number == int(port)) or (
                address == states.pod_address(space) and each.target == int(port)
            ):
                return space, each.target
    return None
