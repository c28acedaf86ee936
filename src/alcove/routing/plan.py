"""The route plan: every routing decision of a cluster in our words, and nothing that stands as it is.

At the caller's proxy the original destination names the Service, so a plan maps an address and port to a
table of route keys; what is not in the plan goes where it was addressed. The addresses of removed Services
are keys too: they stand for the name that they had.

Who answers is named by its ready instances: the cluster's address of a version is gone in the moment in which
its Service is, and proxies learn of that later. For the same reason the addresses of children's Services are
in the plan, overridden or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from alcove.model import ClusterState, Port, Protocol, SpaceName
from alcove.routing.addresses import collapse_ranges, render_socket
from alcove.routing.certificates import observe_certificates
from alcove.routing.choices import Choices, plan_address, plan_alias, plan_choices
from alcove.routing.classes import Declared, PortClass, plan_classes
from alcove.routing.entries import GatewayHost, plan_entries
from alcove.routing.inbound import Inbound, plan_inbound
from alcove.routing.world import World, observe_world


@dataclass(frozen=True, slots=True)
class Destination:
    """One original destination whose requests do not all go where they are addressed."""

    socket: str
    """``address:port``, an IPv6 address in brackets."""
    claims: tuple[Choices, ...]
    """The Services that the destination may stand for; the Host header decides between several."""


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """Everything that the proxies of one cluster need to know."""

    destinations: tuple[Destination, ...] = ()
    classes: tuple[PortClass, ...] = ()
    """What is declared about the ports that callers dial."""
    inbound: Mapping[str, Inbound] = field(default_factory=dict)
    """What a pod's own proxy knows, by the pod's address."""
    hosts: tuple[GatewayHost, ...] = ()
    children: frozenset[SpaceName] = frozenset()
    """The spaces whose pods' requests get their space as key when they carry none."""
    ranges: tuple[str, ...] = ()
    """The networks (CIDR) inside of the cluster: towards others no key is ever written."""


def plan_routes(state: ClusterState) -> RoutePlan:
    """Make the plan; a function of the set of objects."""
    world = observe_world(state)
    return RoutePlan(
        destinations=tuple(_destinations(world)),
        classes=plan_classes(_declared(world)),
        inbound=plan_inbound(world),
        hosts=plan_entries(world, state.entries, observe_certificates(state)),
        children=frozenset(name for name, parent in world.tree.parents.items() if parent is not None),
        ranges=collapse_ranges(state.ranges, _addresses(world)),
    )


def _destinations(world: World) -> Iterator[Destination]:
    claims: dict[str, list[Choices]] = {}
    for address, port, choices in _claims(world):
        claims.setdefault(render_socket(address, port), []).append(choices)
    for socket, found in sorted(claims.items()):
        if any(not choices.trivial for choices in found):
            yield Destination(socket, _distinct(found))


def _claims(world: World) -> Iterator[tuple[str, int, Choices]]:
    for service in world.ordered:
        for port in service.ports:
            for address in service.addresses:
                yield address, port.number, plan_address(world, service, port, facing=address)
            for address in service.ready if service.headless else ():
                yield address, port.target, plan_choices(world, service, port, facing=address)
    for address, space, alias in world.aliases:
        for port in world.alias_ports(space, alias):
            yield address, port.number, plan_alias(world, alias.service, space, port, facing=address)


def _distinct(claims: list[Choices]) -> tuple[Choices, ...]:
    """Give one claim per Service: two ports of one Service may share a target, the first of them counts."""
    found: dict[tuple[str, str], Choices] = {}
    for choices in claims:
        found.setdefault((choices.space, choices.service), choices)
    return tuple(found[key] for key in sorted(found))


def _declared(world: World) -> Iterator[Declared]:
    for service in world.ordered:
        for port in service.ports:
            if service.headless:
                for endpoint in service.endpoints:
                    yield Declared(port.target, endpoint.address, port.protocol)
            for address in service.addresses:
                yield Declared(port.number, address, port.protocol)
    for address, space, alias in world.aliases:
        for port in _declaring(world.alias_ports(space, alias)):
            yield Declared(port.number, address, port.protocol)


def _declaring(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    return tuple(port for port in ports if port.protocol is not Protocol.AUTO)


def _addresses(world: World) -> Iterator[str]:
    for service in world.ordered:
        yield from service.addresses
        yield from service.ready
    for address, _, _ in world.aliases:
        yield address
