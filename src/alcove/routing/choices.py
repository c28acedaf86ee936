"""Who answers, per route key, what is addressed to one Service and port: ``spaces.resolve`` as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alcove.model import Port, RouteKey, Service, ServiceName, SpaceName
from alcove.routing.addresses import facing as of_family
from alcove.routing.addresses import render_socket
from alcove.routing.world import World
from alcove.spaces.resolve import Decision, Reason, decide, decide_port


@dataclass(frozen=True, slots=True)
class Target:
    """A version of a Service that answers, and where it is reached."""

    space: SpaceName
    service: ServiceName
    sockets: tuple[str, ...]
    """``address:port``; several for a headless Service, each as good as the other."""


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
    """None: the address stands."""

    @property
    def trivial(self) -> bool:
        """Whether the address always stands."""
        return not self.by_key and self.otherwise is None


def plan_choices(world: World, service: Service, asked: Port, *, facing: str) -> Choices:
    """Make the table of a Service that exists; only keys under which another version answers are in it.

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
    answering = world.services[decision.space, table.service]
    addresses = of_family(answering.ready if answering.headless else answering.addresses, facing)
    number = port.target if answering.headless else port.number
    if not addresses:
        return Refusal(decision.space, table.service, Reason.NO_INSTANCE)
    chosen = addresses if answering.headless else addresses[:1]
    sockets = tuple(render_socket(address, number) for address in chosen)
    return Target(decision.space, table.service, sockets)


def _decide(world: World, table: Choices, key: RouteKey | None) -> Decision:
    return decide(world.tree, world.services, service=table.service, space=table.space, key=key)
