"""How the outside gets in: every host of a space exists with the prefix of every space below it.

A child's chart usually brings the same Ingress as its parent's, with its own prefix before the host. So rules
are about a host without the prefix of their own space. A host belongs to the space nearest to a root that has
rules for it, and the rules that a key sees are those of the first space of its chain that has some: the same
fall-back that Services have.

Spaces of different families may claim one host. Then one of them has it (the one with the shorter path, of
two the first by name), and the others keep the host with their own prefix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from alcove.model import Entry, Port, RouteKey, SpaceName
from alcove.routing.certificates import NO_CERTIFICATES, Certificates, HostCertificate
from alcove.routing.choices import Choices, Outcome, plan_outcome
from alcove.routing.world import World
from alcove.spaces.hosts import LONGEST_HOST, render_host, strip_prefix
from alcove.spaces.resolve import decide

_ANY_FAMILY = ""

Rules = Mapping[SpaceName, list[Entry]]
"""What the spaces say about one host."""


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
    """Without a prefix; with its owner's when another family has the plain name."""
    inner: str
    """Without a prefix in any case."""
    owner: SpaceName
    prefixed: Mapping[RouteKey, str] = field(default_factory=dict)
    """The hosts that select a key; a name that DNS does not allow is left out."""
    paths: tuple[GatewayPath, ...] = ()
    """Exact ones first, then the longest."""
    views: Mapping[RouteKey, tuple[GatewayPath, ...]] = field(default_factory=dict)
    """The keys that see anything else than ``paths``."""
    certificates: Mapping[str, HostCertificate] = field(default_factory=dict)
    """How its names are served with TLS; nobody asked it for those that are not there."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name by which it is entered, in order."""
        return tuple(sorted({self.host, *self.prefixed.values()}))


@dataclass(frozen=True, slots=True)
class _Claim:
    """One family's rules for a host, and by which names they are entered."""

    inner: str
    owner: SpaceName
    rules: Rules
    plain: bool
    prefixed: Mapping[RouteKey, str]

    @property
    def names(self) -> tuple[str, ...]:
        return (*([self.inner] if self.plain else []), *self.prefixed.values())


def plan_entries(
    world: World, entries: Iterable[Entry], certificates: Certificates = NO_CERTIFICATES
) -> tuple[GatewayHost, ...]:
    """Give every host, by name; rules of namespaces that are no spaces are none."""
    claims = [
        claim
        for inner, rules in sorted(_rules(world, entries).items())
        for claim in _claims(world, inner, rules)
    ]
    prefixed = {name for claim in claims for name in claim.prefixed.values()}
    kept = (claim for claim in claims if not (claim.plain and claim.inner in prefixed) and claim.names)
    return tuple(
        sorted((_plan_host(world, claim, certificates) for claim in kept), key=lambda host: host.host)
    )


def find_inner(entry: Entry) -> str:
    """Give the host that a rule is about: without the prefix of its own space."""
    return strip_prefix(entry.host.lower(), RouteKey(entry.space))


def order_rule(entry: Entry) -> tuple[str, str, str, bool, str, str]:
    """Give the order of rules: of two for one path the first one counts."""
    return (find_inner(entry), entry.space, entry.path, entry.exact, entry.service, str(entry.port))


def _rules(world: World, entries: Iterable[Entry]) -> dict[str, dict[SpaceName, list[Entry]]]:
    found: dict[str, dict[SpaceName, list[Entry]]] = {}
    for entry in sorted(entries, key=order_rule):
        if entry.space in world.tree.parents and entry.host:
            found.setdefault(find_inner(entry), {}).setdefault(entry.space, []).append(entry)
    return found


def _claims(world: World, inner: str, rules: Rules) -> Iterator[_Claim]:
    """Give one claim per family of spaces that has rules for a host."""
    families: dict[SpaceName, dict[SpaceName, list[Entry]]] = {}
    for space, entries in rules.items():
        top = [each for each in world.tree.chain(space) if each in rules][-1]
        families.setdefault(top, {})[space] = entries
    asking = [
        owner
        for owner, family in families.items()
        if any(entry.host.lower() == inner for entries in family.values() for entry in entries)
    ]
    winner = min(asking, key=lambda space: (len(world.tree.chain(space)), space), default=None)
    for owner in sorted(families):
        plain = owner == winner
        spaces = (*(() if plain else (owner,)), *world.below.get(owner, ()))
        yield _Claim(inner, owner, families[owner], plain, _prefixed(inner, spaces))


def _plan_host(world: World, claim: _Claim, certificates: Certificates) -> GatewayHost:
    paths = _paths(world, claim.rules[claim.owner], None)
    views: dict[RouteKey, tuple[GatewayPath, ...]] = {}
    for space in _affected(world, claim):
        own = next(each for each in world.tree.chain(space) if each in claim.rules)
        seen = _paths(world, claim.rules[own], RouteKey(space))
        if seen != paths:
            views[RouteKey(space)] = seen
    served = _certificates(world, claim, certificates)
    return GatewayHost(claim.names[0], claim.inner, claim.owner, claim.prefixed, paths, views, served)


def _certificates(world: World, claim: _Claim, certificates: Certificates) -> Mapping[str, HostCertificate]:
    inner, owner = claim.inner, claim.owner
    wanting = certificates.wanting(inner, (owner, *world.below.get(owner, ())))
    if not wanting:
        return {}
    found: dict[str, HostCertificate | None] = {}
    if claim.plain:
        found[inner] = certificates.choose(inner, inner=inner, chain=(owner,))
    alone = (owner,) if wanting == {owner} else None
    for key, name in claim.prefixed.items():
        down = alone or [each for each in reversed(world.tree.chain(SpaceName(key))) if each in wanting]
        found[name] = certificates.choose(name, inner=inner, chain=down, key=key)
    return {name: served for name, served in found.items() if served is not None}


def _affected(world: World, claim: _Claim) -> tuple[SpaceName, ...]:
    """Give the spaces that may see anything else than the owner: by rules, or by Services, of their own."""
    ruling = {
        seen for each in claim.rules if each != claim.owner for seen in (each, *world.below.get(each, ()))
    }
    for entry in claim.rules[claim.owner]:
        ruling.update(world.affected(claim.owner, entry.service))
    return tuple(sorted(ruling))


def _prefixed(inner: str, spaces: Iterable[SpaceName]) -> dict[RouteKey, str]:
    room = LONGEST_HOST - len(inner) - len(".s.")
    return {RouteKey(space): render_host(inner, RouteKey(space)) for space in spaces if len(space) <= room}


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
