"""What a request is looked up in: where it was addressed, then its key.

Both proxies of a pod have such a table, from the same kind of claims. They differ in what "addressed" means,
in what happens when an address stands, and in the marks they make.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alcove.model import RouteKey, SpaceName
from alcove.routing.choices import Choices
from alcove.routing.envoy import matching, routes
from alcove.routing.envoy.contents import Part
from alcove.routing.envoy.names import (
    ADDRESS,
    AT,
    INBOUND,
    KEY,
    ONCE,
    OUTBOUND,
    SCANNED,
    Body,
    ProxySettings,
    extension,
)
from alcove.routing.envoy.scripts import CARRIERS, CARRIERS_AND_HOST
from alcove.routing.inbound import Inbound
from alcove.routing.plan import Destination, RoutePlan
from alcove.spaces.headers import BAGGAGE, KUBERNETES_ROUTE_AS, ROUTE_AS
from alcove.spaces.hosts import render_service_hosts

NO_KEY = "."
_ANYTHING = ".+"
_MEMBER = rf"(?s)(.*,)?\s*{ROUTE_AS}\s*=.*"
_PREFIXED = r"(?i)[a-z0-9-]+\.s\..+"
_KUBERNETES = matching.header_like(KUBERNETES_ROUTE_AS, _ANYTHING)
_BAGGAGE = matching.header_like(BAGGAGE, _MEMBER)


@dataclass(frozen=True, slots=True)
class Table:
    """What decides for what leaves a pod; parts of the one before are used again where nothing changed."""

    keyed: Part
    """For a request that carries a key, or whose caller brings none: the same for the pods of every space."""
    keyless: Mapping[RouteKey, Part]
    """What is looked at first, by the space of the caller, which becomes the key of a request without one."""
    plain: Part
    """The same for callers that bring no key."""
    entries: Mapping[str, tuple[Destination, Part]]
    """The entries of ``keyed`` by destination, and what they were made of."""
    sources: Mapping[RouteKey, tuple[tuple[Destination, ...], tuple[str, ...]]]
    """What ``keyless`` was made of."""


def compile_table(plan: RoutePlan, settings: ProxySettings, before: Table | None = None) -> Table:
    """Compile a plan's destinations; ``before`` is the table of an earlier plan under the same settings."""
    known = before.entries if before else {}
    entries = {each.socket: _entry(settings, each, known.get(each.socket)) for each in plan.destinations}
    branches = {socket: part for socket, (_, part) in entries.items()}
    keyed = Part(matching.match_header(AT, branches, routes.pass_all()))
    sources = _sources(plan)
    keyless = {
        own: before.keyless[own]
        if before and before.sources.get(own) == source
        else _first((matching.header_is(KEY, NO_KEY), _compile_keyless(settings, own, *source)))
        for own, source in sources.items()
    }
    return Table(keyed, keyless, before.plain if before else _first(), entries, sources)


def compile_outbound(caller: SpaceName, table: Table) -> Body:
    """Give the routes of what leaves a pod of the space ``caller``; equal for all pods of a space.

    A pod of a child space adds its space as key to what has none, towards addresses of the cluster only.
    """
    first = table.keyless.get(RouteKey(caller), table.plain)
    return _routes(OUTBOUND, {"matcher": {"matcher_list": first, "on_no_match": table.keyed}})


def _first(*more: tuple[Body, Body]) -> Part:
    """Give what precedes the table: whether a script has to look for the key, and ``more``."""
    unread = matching.any_of(_KUBERNETES, _BAGGAGE)
    branches = [(_unscanned(unread), routes.scan(CARRIERS)), *more]
    found = matching.match_first(branches, {})
    return Part(found["matcher"]["matcher_list"])


def _entry(
    settings: ProxySettings, destination: Destination, known: tuple[Destination, Part] | None
) -> tuple[Destination, Part]:
    if known is not None and known[0] == destination:
        return known
    undecided = routes.pass_on(settings)
    made = _by_claim(destination.claims, lambda choices: _leaving(settings, choices), undecided)
    return destination, Part(made)


def _sources(plan: RoutePlan) -> dict[RouteKey, tuple[tuple[Destination, ...], tuple[str, ...]]]:
    """Give the destinations that matter to requests without a key, by the caller's space, and the ranges."""
    of_all: list[int] = []
    of_key: dict[RouteKey, list[int]] = {}
    for at, destination in enumerate(plan.destinations):
        if any(choices.otherwise is not None for choices in destination.claims):
            of_all.append(at)
        for key in {key for choices in destination.claims for key in choices.by_key}:
            of_key.setdefault(key, []).append(at)
    found = {}
    for child in sorted(plan.children):
        wanted = sorted({*of_all, *of_key.get(RouteKey(child), ())})
        found[RouteKey(child)] = tuple(plan.destinations[at] for at in wanted), plan.ranges
    return found


def compile_inbound(inbound: Inbound, settings: ProxySettings) -> Body:
    """Give the routes of what reaches a pod: its own requests, and those that belong to another version."""
    here = routes.pass_all()

    def table(branch: Callable[[Choices], Body]) -> Body:
        ports = {str(port.number): _by_claim(port.claims, branch, here) for port in inbound.ports}
        return matching.match_header(AT, ports, here)

    unread = matching.any_of(_KUBERNETES, _BAGGAGE, matching.header_like(":authority", _PREFIXED))
    first = [
        (_unscanned(unread), routes.scan(CARRIERS_AND_HOST)),
        (matching.header_like(ONCE, _ANYTHING), table(lambda choices: _staying(settings, choices))),
    ]
    return _routes(INBOUND, matching.match_first(first, table(lambda choices: _arriving(settings, choices))))


def _leaving(settings: ProxySettings, choices: Choices) -> Body:
    # Who answers at a removed Service's address without a usable key would be corrected by that version's own
    # proxy if the key is of a space below it: the address has decided, so nobody may decide again.
    fallen = routes.Marks(once=True)
    standing = (
        routes.pass_on(settings)
        if choices.otherwise is None
        else routes.send(settings, choices.otherwise, fallen)
    )
    branches = {NO_KEY + key: routes.send(settings, outcome) for key, outcome in choices.by_key.items()}
    return matching.match_header(KEY, branches, standing)


def _compile_keyless(
    settings: ProxySettings, own: RouteKey, destinations: tuple[Destination, ...], ranges: tuple[str, ...]
) -> Body:
    """Decide for what has no key and gets the caller's: only what that key changes is here."""
    marked = routes.Marks(key=own)
    undecided = routes.pass_on(settings, marked)
    branches = {
        destination.socket: _by_claim(
            destination.claims, lambda choices: _leaving_keyless(settings, own, choices), undecided
        )
        for destination in destinations
    }
    address = extension("header", "HeaderInput", header_name=ADDRESS)
    inside = [(ranges, routes.pass_all(marked))]
    elsewhere = matching.match_network(address, inside, routes.pass_all())
    return matching.match_header(AT, branches, elsewhere)


def _leaving_keyless(settings: ProxySettings, own: RouteKey, choices: Choices) -> Body:
    outcome = choices.by_key.get(own, choices.otherwise)
    marks = routes.Marks(key=own, once=own not in choices.by_key and choices.otherwise is not None)
    return routes.pass_on(settings, marks) if outcome is None else routes.send(settings, outcome, marks)


def _arriving(settings: ProxySettings, choices: Choices) -> Body:
    once = routes.Marks(once=True)
    elsewhere = {
        NO_KEY + key: routes.send(settings, outcome, once) for key, outcome in choices.by_key.items()
    }
    return matching.match_header(KEY, elsewhere, _staying(settings, choices))


def _staying(settings: ProxySettings, choices: Choices) -> Body:
    return routes.pass_on(settings, answering=f"{choices.service}.{choices.space}")


def _by_claim(claims: tuple[Choices, ...], branch: Callable[[Choices], Body], undecided: Body) -> Body:
    """Give the branch of the only claim; of several, the one whose Service the Host header names."""
    if len(claims) == 1:
        return branch(claims[0])
    named = [(matching.header_like(":authority", _spellings(choices)), branch(choices)) for choices in claims]
    return matching.match_first(named, undecided)


def _spellings(choices: Choices) -> str:
    hosts = "|".join(re.escape(host) for host in render_service_hosts(choices.service, choices.space))
    return rf"(?i)({hosts})\.?(:[0-9]+)?"


def _unscanned(unread: Body) -> Body:
    """Hold for a request whose key, if it has one, no format string could read."""
    return matching.all_of(
        matching.header_is(KEY, NO_KEY), unread, matching.none_of(matching.header_like(SCANNED, _ANYTHING))
    )


def _routes(name: str, matcher: Body) -> Body:
    hosts = [{"name": name, "domains": ["*"], "matcher": matcher["matcher"]}]
    return {"name": name, "virtual_hosts": hosts}
