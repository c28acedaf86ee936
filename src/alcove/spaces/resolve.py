"""Which space answers a request, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from alcove.model import Port, RouteKey, Service, ServiceName, SpaceName
from alcove.spaces.tree import SpaceTree

Services = Mapping[tuple[SpaceName, ServiceName], Service]


class Reason(Enum):
    """Why a request goes where it goes."""

    NO_KEY = "the request names no space"
    UNKNOWN_KEY = "the request names a space that does not exist"
    UNRELATED = "the named space does not fall back to the addressed one"
    OWN = "the addressed service is the named space's own version"
    OVERRIDDEN = "the named space, or a space it falls back to first, has a version of its own"
    INHERITED = "no space between the named and the addressed one has a version of its own"
    FALLEN_BACK = "the addressed service was removed"
    ABSENT = "no space of the chain has the service"
    NO_PORT = "the version that answers has no such port"
    NO_INSTANCE = "the version that answers has no ready instance"


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a request goes; ``space`` is None when nobody can answer it."""

    space: SpaceName | None
    reason: Reason
    port: Port | None = None
    """The port of the answering version, when the request's port was asked for."""


def resolve_service(
    tree: SpaceTree, services: Services, *, service: ServiceName, space: SpaceName
) -> SpaceName | None:
    """Give the first space of ``chain(space)`` that has the service; an ExternalName never counts."""
    for candidate in tree.chain(space):
        found = services.get((candidate, service))
        if found is not None and not found.external_name:
            return candidate
    return None


def decide(
    tree: SpaceTree, services: Services, *, service: ServiceName, space: SpaceName, key: RouteKey | None
) -> Decision:
    """Decide for a request that is addressed to ``service`` of ``space`` and carries ``key``.

    A removed service's address stands for its name: without a usable key the request falls back from the
    space that the service was of.
    """
    there = (space, service) in services
    named = SpaceName(key) if key else None
    why = _why_not(tree, named, space)
    if named is None or why is not None:
        if there:
            return Decision(space, why or Reason.NO_KEY)
        return _fall_back(tree, services, service, space)
    target = resolve_service(tree, services, service=service, space=named)
    if target is None:
        return Decision(space, Reason.INHERITED) if there else Decision(None, Reason.ABSENT)
    if target == space:
        return Decision(space, Reason.OWN if named == space else Reason.INHERITED)
    return Decision(target, Reason.OVERRIDDEN if there else Reason.FALLEN_BACK)


def decide_port(services: Services, *, service: ServiceName, decision: Decision, asked: Port) -> Decision:
    """Add the port of the answering version that matches ``asked``: by number, else by name."""
    if decision.space is None:
        return decision
    port = match_port(services[decision.space, service].ports, asked)
    return Decision(decision.space, decision.reason if port else Reason.NO_PORT, port)


def match_port(ports: tuple[Port, ...], asked: Port) -> Port | None:
    """Give the port with the same number, else the one with the same (given) name, else None."""
    by_number = next((port for port in ports if port.number == asked.number), None)
    by_name = next((port for port in ports if asked.name and port.name == asked.name), None)
    return by_number or by_name


def _why_not(tree: SpaceTree, named: SpaceName | None, space: SpaceName) -> Reason | None:
    if named is None:
        return Reason.NO_KEY
    chain = tree.chain(named)
    if not chain:
        return Reason.UNKNOWN_KEY
    return None if space in chain else Reason.UNRELATED


def _fall_back(tree: SpaceTree, services: Services, service: ServiceName, space: SpaceName) -> Decision:
    target = resolve_service(tree, services, service=service, space=space)
    return Decision(target, Reason.ABSENT if target is None else Reason.FALLEN_BACK)
