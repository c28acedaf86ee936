"""What the proxy of a pod knows about the requests that reach it.

It sees the pod's address and the container's port, never the Service. So its map is keyed by container port,
from the Services that have the pod among their instances; where two share a port and differ, the Host header
decides, else nothing is forwarded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alcove.model import Service
from alcove.routing.choices import Choices, Target, plan_choices
from alcove.routing.classes import Declared, PortClass, plan_classes
from alcove.routing.world import World


@dataclass(frozen=True, slots=True)
class InboundPort:
    """One container port that Services lead to."""

    number: int
    claims: tuple[Choices, ...]
    """One per Service: its table says for which keys a request does not belong here."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """What one pod's proxy knows."""

    ports: tuple[InboundPort, ...] = ()
    classes: tuple[PortClass, ...] = ()


def plan_inbound(world: World) -> Mapping[str, Inbound]:
    """Give what every pod behind a Service of a space knows, by the pod's address."""
    found: dict[str, dict[int, list[Choices]]] = {}
    declared: dict[str, list[Declared]] = {}
    for service in world.ordered:
        known = service.endpoints and service.space in world.tree.parents
        tables = _tables(world, service) if known else {}
        for endpoint in service.endpoints:
            address = endpoint.address
            for target, choices in tables.items():
                found.setdefault(address, {}).setdefault(target, []).append(choices)
            declared.setdefault(address, []).extend(
                Declared(port.target, address, port.protocol) for port in service.ports
            )
    return {
        address: Inbound(
            tuple(InboundPort(number, tuple(ports[number])) for number in sorted(ports)),
            plan_classes(declared[address]),
        )
        for address, ports in sorted(found.items())
    }


def _tables(world: World, service: Service) -> dict[int, Choices]:
    """Give a table per container port; of two ports that share one, the one that can be answered counts."""
    found: dict[int, Choices] = {}
    for port in service.ports:
        facing = (*service.addresses, *service.ready, "")[0]
        choices = plan_choices(world, service, port, facing=facing)
        kept = found.get(port.target)
        if kept is None or _answerable(choices) > _answerable(kept):
            found[port.target] = choices
    return found


def _answerable(choices: Choices) -> int:
    return sum(isinstance(outcome, Target) for outcome in choices.by_key.values())
