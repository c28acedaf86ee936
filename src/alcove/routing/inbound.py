"""What the proxy of a pod knows about the requests that reach it.

It sees the pod's address and the container's port, never the Service. So its map is keyed by container port,
from the Services that have the pod among their instances; where two share a port and differ, the Host header
decides, else nothing is forwarded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


Tables = Mapping[int, Choices]
"""What one Service's instances know of it, by container port."""

Behind = tuple[tuple[Service, Tables], ...]
"""The Services that have an instance, with their tables."""

Known = Mapping[str, tuple[Behind, Inbound | None]]
"""What every pod knows, by its address, and of what it was made; None for one behind no space's Service."""


def plan_inbound(services: Iterable[tuple[Service, Tables]], before: Known) -> Known:
    """Give what every pod knows; of one whose Services and tables are the same objects, what it was before.

    Args:
        services: Every Service, in canonical order, with what ``plan_tables`` gives for it.
        before: What this gave for an earlier state.
    """
    behind: dict[str, list[tuple[Service, Tables]]] = {}
    for pair in services:
        for endpoint in pair[0].endpoints:
            behind.setdefault(endpoint.address, []).append(pair)
    return {address: _known(address, tuple(behind[address]), before) for address in sorted(behind)}


def plan_tables(world: World, service: Service) -> Tables:
    """Give a table per container port; of two ports that share one, the one that can be answered counts."""
    found: dict[int, Choices] = {}
    if not service.endpoints or service.space not in world.tree.parents:
        return found
    for port in service.ports:
        facing = (*service.addresses, *service.ready, "")[0]
        choices = plan_choices(world, service, port, facing=facing)
        kept = found.get(port.target)
        if kept is None or _answerable(choices) > _answerable(kept):
            found[port.target] = choices
    return found


def _known(address: str, behind: Behind, before: Known) -> tuple[Behind, Inbound | None]:
    known = before.get(address)
    if known is not None and _same(known[0], behind):
        return known
    ports: dict[int, list[Choices]] = {}
    for _, tables in behind:
        for target, choices in tables.items():
            ports.setdefault(target, []).append(choices)
    if not ports:
        return behind, None
    declared = (
        Declared(port.target, address, port.protocol) for service, _ in behind for port in service.ports
    )
    claimed = tuple(InboundPort(number, tuple(ports[number])) for number in sorted(ports))
    return behind, Inbound(claimed, plan_classes(declared))


def _same(one: Behind, other: Behind) -> bool:
    return len(one) == len(other) and all(
        mine[0] is theirs[0] and mine[1] is theirs[1] for mine, theirs in zip(one, other, strict=True)
    )


def _answerable(choices: Choices) -> int:
    return sum(isinstance(outcome, Target) for outcome in choices.by_key.values())
