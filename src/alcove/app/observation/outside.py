"""A request from outside: the host it enters by, and what the gateway's table says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alcove import errors
from alcove.app.observation.addressing import Addressed, Target
from alcove.app.observation.explanations import ENTRY_HOST, NO_KEY, Decided, Keyed
from alcove.model import ClusterState, Entry, Port, RouteKey, SpaceName
from alcove.routing.entries import GatewayHost, GatewayPath, find_inner, plan_entries
from alcove.routing.world import World
from alcove.spaces.headers import parse_route_key
from alcove.spaces.hosts import parse_host
from alcove.spaces.resolve import Decision, decide


def plan_hosts(world: World, state: ClusterState) -> Mapping[str, GatewayHost]:
    """Give the hosts by which one enters, without prefixes."""
    return {each.host: each for each in plan_entries(world, state.entries)}


def find_entry(
    world: World,
    state: ClusterState,
    *,
    hosts: Mapping[str, GatewayHost],
    target: Target,
    headers: Sequence[tuple[str, str]],
) -> Decided | None:
    """Give what happens to a request that enters, None when nobody enters by its host.

    Raises:
        ConflictError: the prefix names no space of that host, or no rule has the path.
    """
    found = _find_host(hosts, target.host)
    if found is None:
        return None
    host, prefix = found
    carried = parse_route_key(headers)  # a key that the request brings counts more than its host's
    keyed = NO_KEY
    if carried is not None:
        keyed = Keyed(carried[0], carried[1].value)
    elif prefix is not None:
        keyed = Keyed(prefix, ENTRY_HOST)
    path = _find_path(host, keyed, target)
    entry = _ruling(world, state, host=host, keyed=keyed, path=path)
    decision = decide(world.tree, world.services, service=entry.service, space=entry.space, key=keyed.key)
    addressed = Addressed(entry.space, entry.service, _port_of(world, entry, decision))
    return Decided(addressed, keyed, decision, path.outcome)


def _find_host(hosts: Mapping[str, GatewayHost], written: str) -> tuple[GatewayHost, RouteKey | None] | None:
    key, inner = (parsed := parse_host(written)).key, parsed.host
    found = next((host for host in hosts.values() if written in host.names), None)
    if found is not None:
        return found, key
    if key is None or inner not in hosts:
        return None
    below = ", ".join(sorted(hosts[inner].prefixed)) or "none"
    raise errors.ConflictError(
        f"nobody enters by {written!r}",
        cause=f"{str(key)!r} is no space below the one that {inner} is of",
        hint=f"spaces that have a prefix there: {below}",
    )


def _find_path(host: GatewayHost, keyed: Keyed, target: Target) -> GatewayPath:
    seen = host.views.get(keyed.key, host.paths) if keyed.key else host.paths
    for rule in seen:  # exact ones come first, then the longest
        prefix = rule.path.rstrip("/")
        if target.path == rule.path if rule.exact else f"{target.path}/".startswith(f"{prefix}/"):
            return rule
    known = ", ".join(rule.path for rule in seen)
    raise errors.ConflictError(
        f"no rule of {host.host} has the path {target.path!r}", hint=f"its paths: {known}"
    )


def _ruling(
    world: World, state: ClusterState, *, host: GatewayHost, keyed: Keyed, path: GatewayPath
) -> Entry:
    """Give the entry that a path was made of: of the key's own space, or the nearest above that has rules."""
    rules = [
        entry
        for entry in state.entries
        if find_inner(entry) == host.inner and host.owner in world.tree.chain(entry.space)
    ]
    ruling = {entry.space for entry in rules}
    chain = world.tree.chain(SpaceName(keyed.key)) if keyed.key else ()
    own = next(each for each in chain if each in ruling) if host.owner in chain else host.owner
    same = [rule for rule in rules if (rule.space, rule.path, rule.exact) == (own, path.path, path.exact)]
    return min(same, key=lambda rule: (rule.service, str(rule.port)))


def _port_of(world: World, entry: Entry, decision: Decision) -> Port:
    """Give the port that a rule means, as the first version that has it declares it."""
    for space in (entry.space, decision.space):
        service = world.services.get((space, entry.service)) if space else None
        for port in service.ports if service else ():
            if entry.port in (port.number, port.name):
                return port
    return Port(0, 0, entry.port) if isinstance(entry.port, str) else Port(entry.port, entry.port)
