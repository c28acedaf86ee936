"""How the outside gets in: every host of a space exists with the prefix of every space below it.

A child's chart usually brings the same Ingress as its parent's. So a host belongs to the space nearest to a
root that names it, and the rules that a key sees are those of the first space of its chain that has rules for
the host: the same fall-back that Services have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alcove.model import Entry, Port, RouteKey, SpaceName
from alcove.routing.choices import Choices, Outcome, plan_outcome
from alcove.routing.world import World
from alcove.spaces.hosts import LONGEST_HOST, render_host
from alcove.spaces.resolve import decide

_ANY_FAMILY = ""


@dataclass(frozen=True, slots=True)
class GatewayPath:
    """One path of a host, and who answers there."""

    path: str
    exact: bool
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class GatewayHost:
    """One host: what everybody sees there, and what single keys see instead."""

    host: str
    prefixed: Mapping[RouteKey, str] = field(default_factory=dict)
    """The hosts that select a key; a name that DNS does not allow is left out."""
    paths: tuple[GatewayPath, ...] = ()
    """Exact ones first, then the longest."""
    views: Mapping[RouteKey, tuple[GatewayPath, ...]] = field(default_factory=dict)
    """The keys that see anything else than ``paths``."""


def plan_entries(world: World, entries: Iterable[Entry]) -> tuple[GatewayHost, ...]:
    """Give every host, by name; rules of namespaces that are no spaces are none."""
    hosts: dict[str, dict[SpaceName, list[Entry]]] = {}
    for entry in sorted(entries, key=_order):
        if entry.space in world.tree.parents and entry.host:
            hosts.setdefault(entry.host.lower(), {}).setdefault(entry.space, []).append(entry)
    prefixed = {
        each for host in hosts for each in _prefixed(world, host, _owner(world, hosts[host])).values()
    }
    return tuple(_plan_host(world, host, hosts[host]) for host in sorted(hosts) if host not in prefixed)


def _plan_host(world: World, host: str, rules: Mapping[SpaceName, list[Entry]]) -> GatewayHost:
    owner = _owner(world, rules)
    paths = _paths(world, rules[owner], None)
    views: dict[RouteKey, tuple[GatewayPath, ...]] = {}
    for space in _affected(world, rules, owner):
        own = next(each for each in world.tree.chain(space) if each in rules)
        seen = _paths(world, rules[own], RouteKey(space))
        if seen != paths:
            views[RouteKey(space)] = seen
    return GatewayHost(host, _prefixed(world, host, owner), paths, views)


def _affected(
    world: World, rules: Mapping[SpaceName, list[Entry]], owner: SpaceName
) -> tuple[SpaceName, ...]:
    """Give the spaces that may see anything else than the owner: by rules, or by Services, of their own."""
    below = world.below.get(owner, ())
    ruling = {seen for each in rules if each in below for seen in (each, *world.below.get(each, ()))}
    for entry in rules[owner]:
        ruling.update(world.affected(owner, entry.service))
    return tuple(sorted(ruling))


def _owner(world: World, rules: Mapping[SpaceName, list[Entry]]) -> SpaceName:
    return min(rules, key=lambda space: (len(world.tree.chain(space)), space))


def _prefixed(world: World, host: str, owner: SpaceName) -> dict[RouteKey, str]:
    names = {space: f"{space}" for space in world.below.get(owner, ())}
    room = LONGEST_HOST - len(render_host("", RouteKey("")) + host)
    return {
        RouteKey(space): render_host(host, RouteKey(space))
        for space, name in names.items()
        if len(name) + len(".s.") <= room
    }


def _paths(world: World, entries: list[Entry], key: RouteKey | None) -> tuple[GatewayPath, ...]:
    found: dict[tuple[str, bool], GatewayPath] = {}
    for entry in entries:
        path = GatewayPath(entry.path, entry.exact, _outcome(world, entry, key))
        found.setdefault((entry.path, entry.exact), path)
    return tuple(sorted(found.values(), key=lambda path: (not path.exact, -len(path.path), path.path)))


def _outcome(world: World, entry: Entry, key: RouteKey | None) -> Outcome:
    table = Choices(entry.space, entry.service)
    decision = decide(world.tree, world.services, service=entry.service, space=entry.space, key=key)
    asked = _asked(world, entry, (entry.space, *((decision.space,) if decision.space else ())))
    return plan_outcome(world, table, decision, asked, facing=_ANY_FAMILY)


def _asked(world: World, entry: Entry, spaces: tuple[SpaceName, ...]) -> Port:
    """Give the port that a rule means, as the first of the versions that has it declares it."""
    versions = [
        world.services[each, entry.service] for each in spaces if (each, entry.service) in world.services
    ]
    for port in (port for version in versions for port in version.ports):
        if entry.port in (port.number, port.name):
            return port
    return Port(0, 0, entry.port) if isinstance(entry.port, str) else Port(entry.port, entry.port)


def _order(entry: Entry) -> tuple[str, str, str, bool, str, str]:
    return (entry.host, entry.space, entry.path, entry.exact, entry.service, str(entry.port))
