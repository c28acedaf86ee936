"""Who answers, per route key, what is addressed to one Service and port: ``spaces.resolve`` as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from alcove.model import Port, RouteKey, Service, ServiceName, SpaceName
from alcove.routing.addresses import facing as of_family
from alcove.routing.addresses import render_socket
from alcove.routing.world import World
from alcove.spaces.resolve import Decision, Reason, decide, decide_port

MOST_INSTANCES = 16
"""Versions with more ready ones than this are reached by the cluster's address."""


@dataclass(frozen=True, slots=True)
class Target:
    """A version of a Service that answers, and where it is reached."""

    space: SpaceName
    service: ServiceName
    sockets: tuple[str, ...]
    """``address:port``; several are several instances, each as good as the other."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nobody can answer, and it would be wrong to let another version do it."""

    space: SpaceName
    """The space whose version should have answered."""
    service: ServiceName
    reason: Reason

    def __str__(self) -> str:
        """Say it to the caller."""
        return f"{self.service} of space {self.space} cannot answer: {self.reason.value}"


Outcome = Target | Refusal


@dataclass(frozen=True, slots=True)
class Choices:
    """The table of one addressed Service."""

    space: SpaceName
    service: ServiceName
    by_key: Mapping[RouteKey, Outcome] = field(default_factory=dict)
    """Keys with an outcome of their own, sorted; every other key has ``otherwise``."""
    otherwise: Outcome | None = None
    """None: the address stands. Set for the address of a removed Service: what it falls back to; and for that
    of a Service that somebody works on: its instances."""

    @property
    def trivial(self) -> bool:
        """Whether the address always stands."""
        return not self.by_key and self.otherwise is None


def plan_choices(world: World, service: Service, asked: Port, *, facing: str) -> Choices:
    """Make the table of a Service that exists; only keys under which another version answers are in it.

    That is all that matters to those who dial an instance, and to the instances themselves.

    Args:
        world: Everything.
        service: The addressed Service.
        asked: The port of it that is addressed.
        facing: The address that the caller dialled; targets are of its family where they can.
    """
    table = Choices(service.space, service.name)
    by_key = {
        RouteKey(space): plan_outcome(
            world, table, _decide(world, table, RouteKey(space)), asked, facing=facing
        )
        for space in world.affected(service.space, service.name)
    }
    return Choices(service.space, service.name, by_key)


def plan_address(world: World, service: Service, asked: Port, *, facing: str) -> Choices:
    """Make the table of the address that the cluster gave a Service, with the keys under which it answers.

    What stands is forgotten by the cluster in the moment in which the Service is removed, before any proxy
    knows. Children's Services come and go, and are mostly asked for by those whose key is the child's or of a
    space below it: for these the table says the instances. Roots' Services are left to the cluster, and so is
    what has no instance yet or too many.

    A Service that somebody works on is reached at its instances by everybody: while the application restarts
    none may be ready, and the cluster would refuse what their proxies let wait.
    """
    choices = plan_choices(world, service, asked, facing=facing)
    child = world.tree.parents.get(service.space) is not None
    if not service.ready or not (child or _is_worked_on(world, service)):
        return choices
    sockets = _sockets(service, asked, facing)
    if sockets == (render_socket(facing, asked.number),):
        return choices
    own = Target(service.space, service.name, sockets)
    if _is_worked_on(world, service):
        return replace(choices, otherwise=own)
    keeping = {RouteKey(each): own for each in (service.space, *world.below.get(service.space, ()))}
    return replace(choices, by_key=dict(sorted((keeping | dict(choices.by_key)).items())))


def plan_alias(world: World, service: ServiceName, space: SpaceName, asked: Port, *, facing: str) -> Choices:
    """Make the table of an address that stood for ``service`` of ``space``: it never stands for itself."""
    table = Choices(space, service)
    otherwise = plan_outcome(world, table, _decide(world, table, None), asked, facing=facing)
    by_key: dict[RouteKey, Outcome] = {}
    for name in world.affected(space, service):
        decision = _decide(world, table, RouteKey(name))
        outcome = plan_outcome(world, table, decision, asked, facing=facing)
        if outcome != otherwise:
            by_key[RouteKey(name)] = outcome
    return Choices(space, service, by_key, otherwise)


def plan_outcome(world: World, table: Choices, decision: Decision, asked: Port, *, facing: str) -> Outcome:
    """Give where a decision leads: sockets, or the reason why there are none."""
    if decision.space is None:
        return Refusal(table.space, table.service, Reason.ABSENT)
    port = decide_port(world.services, service=table.service, decision=decision, asked=asked).port
    if port is None:
        return Refusal(decision.space, table.service, Reason.NO_PORT)
    sockets = _sockets(world.services[decision.space, table.service], port, facing)
    if not sockets:
        return Refusal(decision.space, table.service, Reason.NO_INSTANCE)
    return Target(decision.space, table.service, sockets)


def _sockets(service: Service, port: Port, facing: str) -> tuple[str, ...]:
    """Give where a version is reached: at its ready instances, which outlive its Service for a moment.

    It is the cluster's address of a version with many instances, so that a table does not grow with them, and
    while instances differ in the port's number, which the cluster alone knows of each.
    """
    instances = of_family(service.ready, facing)
    if instances and service.addresses and (len(instances) > MOST_INSTANCES or port.differs):
        addresses = of_family(service.addresses, facing)[:1]
        return tuple(render_socket(address, port.number) for address in addresses)
    return tuple(render_socket(address, port.target) for address in instances)


def _is_worked_on(world: World, service: Service) -> bool:
    return service.in_session and service.space in world.tree.parents


def _decide(world: World, table: Choices, key: RouteKey | None) -> Decision:
    return decide(world.tree, world.services, service=table.service, space=table.space, key=key)
