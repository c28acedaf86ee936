"""The route plan: every routing decision of a cluster in our words, and nothing that stands as it is.

At the caller's proxy the original destination names the Service, so a plan maps an address and port to a
table of route keys; what is not in the plan goes where it was addressed. The addresses of removed Services
are keys too: they stand for the name that they had.

Who answers is named by its ready instances: the cluster's address of a version is gone in the moment in which
its Service is, and proxies learn of that later. For the same reason the addresses of children's Services are
in the plan, overridden or not: under their own keys they lead to their instances.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from alcove.model import ClusterState, Port, Protocol, Service, ServiceName, SpaceName
from alcove.routing.addresses import collapse_ranges, render_socket
from alcove.routing.certificates import observe_certificates
from alcove.routing.choices import Choices, plan_address, plan_alias, plan_choices
from alcove.routing.classes import Declared, PortClass, plan_classes
from alcove.routing.entries import GatewayHost, plan_entries
from alcove.routing.inbound import Inbound, Known, Tables, plan_inbound, plan_tables
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
    return Planner().plan(state)


class Planner:
    """Makes plan after plan, each a function of its state alone.

    Who answers for a name depends on the tree and on the versions of that name. What is decided about it is
    kept from one plan to the next while these are the same objects, so that a plan costs what has changed.
    """

    def __init__(self) -> None:
        """Begin with nothing to use again."""
        self._world: World | None = None
        self._names: dict[ServiceName, _Decided] = {}
        self._inbound: Known = {}

    def plan(self, state: ClusterState) -> RoutePlan:
        """Make the plan of a state."""
        before, world = self._world, observe_world(state, self._world)
        known = self._names if before is not None and before.tree == world.tree else {}
        self._world, self._names = world, _decide_names(world, known)
        tables = [(each, self._names[each.name].tables[each.space]) for each in world.ordered]
        self._inbound = plan_inbound(tables, self._inbound)
        return RoutePlan(
            destinations=tuple(_destinations(world, self._names.values())),
            classes=plan_classes(_declared(world)),
            inbound={address: found for address, (_, found) in self._inbound.items() if found is not None},
            hosts=plan_entries(world, state.entries, observe_certificates(state)),
            children=frozenset(name for name, parent in world.tree.parents.items() if parent is not None),
            ranges=collapse_ranges(state.ranges, _addresses(world)),
        )


class _Decided(NamedTuple):
    """What is decided about the versions of one name."""

    versions: tuple[Service, ...]
    claims: tuple[tuple[str, Choices], ...]
    """By ``address:port``."""
    tables: Mapping[SpaceName, Tables]


def _decide_names(world: World, known: Mapping[ServiceName, _Decided]) -> dict[ServiceName, _Decided]:
    versions: dict[ServiceName, list[Service]] = {}
    for service in world.ordered:
        versions.setdefault(service.name, []).append(service)
    return {
        name: known[name]
        if name in known and _same(known[name].versions, found)
        else _decide_name(world, tuple(found))
        for name, found in versions.items()
    }


def _decide_name(world: World, versions: tuple[Service, ...]) -> _Decided:
    claims = tuple(claim for service in versions for claim in _claims(world, service))
    return _Decided(versions, claims, {each.space: plan_tables(world, each) for each in versions})


def _same(one: Sequence[Service], other: Sequence[Service]) -> bool:
    return len(one) == len(other) and all(map(operator.is_, one, other))


def _claims(world: World, service: Service) -> Iterator[tuple[str, Choices]]:
    for port in service.ports:
        for address in service.addresses:
            yield (
                render_socket(address, port.number),
                plan_address(world, service, port, facing=address),
            )
        for address in service.ready if service.headless else ():
            yield render_socket(address, port.target), plan_choices(world, service, port, facing=address)


def _alias_claims(world: World) -> Iterator[tuple[str, Choices]]:
    for address, space, alias in world.aliases:
        for port in world.alias_ports(space, alias):
            choices = plan_alias(world, alias.service, space, port, facing=address)
            yield render_socket(address, port.number), choices


def _destinations(world: World, decided: Iterable[_Decided]) -> Iterator[Destination]:
    claims: dict[str, list[Choices]] = {}
    for socket, choices in chain(*(each.claims for each in decided), _alias_claims(world)):
        claims.setdefault(socket, []).append(choices)
    for socket in sorted(claims):
        if any(not choices.trivial for choices in claims[socket]):
            yield Destination(socket, _distinct(claims[socket]))


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
