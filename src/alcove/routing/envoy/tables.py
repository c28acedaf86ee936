"""What a request is looked up in: where it was addressed, then its key.

Both proxies of a pod have such a table, from the same kind of claims. They differ in what "addressed" means,
in what happens when an address stands, and in the marks they make.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

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
_MARKED = routes.Marks(own=True)
_ANYTHING = ".+"
_MEMBER = rf"(?s)(.*,)?\s*{ROUTE_AS}\s*=.*"
_PREFIXED = r"(?i)[a-z0-9-]+\.s\..+"
_KUBERNETES = matching.header_like(KUBERNETES_ROUTE_AS, _ANYTHING)
_BAGGAGE = matching.header_like(BAGGAGE, _MEMBER)


Entries = Mapping[str, tuple[Destination, Part]]
"""Parts of tables by destination, and what they were made of."""


@dataclass(frozen=True, slots=True)
class Table:
    """What decides for what leaves a pod; parts of the one before are used again where nothing changed."""

    keyed: Part
    """For a request that carries a key, or whose caller brings none: the same for the pods of every space."""
    keyless: Mapping[RouteKey, Part]
    """What is looked at first, by the space of the caller, which becomes the key of a request without one."""
    plain: Part
    """The same for callers that bring no key."""
    standing: Part
    """What ``keyless`` ends in, where the caller's space makes no difference: the same for all of them."""
    entries: Entries
    """Of ``keyed``."""
    standing_entries: Entries
    own_entries: Mapping[RouteKey, Entries]
    """Of ``keyless``."""


def compile_table(plan: RoutePlan, settings: ProxySettings, before: Table | None = None) -> Table:
    """Compile a plan's destinations; ``before`` is the table of an earlier plan under the same settings."""
    entries = _entries(plan.destinations, partial(_entry, settings), before.entries if before else {})
    removed = [each for each in plan.destinations if _has_otherwise(each)]
    known = before.standing_entries if before else {}
    standing_entries = _entries(removed, partial(_entry_keyless, settings, None), known)
    standing = Part(_compile_standing(standing_entries, plan.ranges))
    if before and before.standing.version == standing.version:
        standing = before.standing
    plain = before.plain if before else Part({"matchers": [_scanning()]})
    known_own = before.own_entries if before else {}
    own_entries = {
        own: _entries(differing, partial(_entry_keyless, settings, own), known_own.get(own, {}))
        for own, differing in _differing(plan).items()
    }
    keyless = {
        own: before.keyless[own]
        if before and before.standing is standing and known_own.get(own) == found
        else _first(plain, (matching.header_is(KEY, NO_KEY), _at(found, standing)))
        for own, found in own_entries.items()
    }
    keyed = Part(_at(entries, routes.pass_all()))
    return Table(keyed, keyless, plain, standing, entries, standing_entries, own_entries)


def compile_outbound(caller: SpaceName, table: Table) -> Body:
    """Give the routes of what leaves a pod of the space ``caller``; equal for all pods of a space.

    A pod of a child space adds its space as key to what has none, towards addresses of the cluster only.
    """
    own = RouteKey(caller)
    matcher = {"matcher": {"matcher_list": table.keyless.get(own, table.plain), "on_no_match": table.keyed}}
    if own not in table.keyless:
        return _routes(OUTBOUND, matcher)
    return {
        **_routes(OUTBOUND, matcher, routes.bring(own)),
        "most_specific_header_mutations_wins": True,
    }


def _scanning() -> Part:
    """Give what precedes every table: whether a script has to look for the key."""
    unread = matching.any_of(_KUBERNETES, _BAGGAGE)
    found = matching.match_first([(_unscanned(unread), routes.scan(CARRIERS))], {})
    return Part(found["matcher"]["matcher_list"]["matchers"][0])


def _first(plain: Part, *more: tuple[Body, Body]) -> Part:
    found = matching.match_first(more, {})["matcher"]["matcher_list"]["matchers"]
    return Part({"matchers": [*plain["matchers"], *found]})


def _entries(
    destinations: Iterable[Destination], make: Callable[[Destination], Body], known: Entries
) -> Entries:
    found = {}
    for each in destinations:
        before = known.get(each.socket)
        kept = before is not None and before[0] == each
        found[each.socket] = before if before is not None and kept else (each, Part(make(each)))
    return found


def _at(entries: Entries, otherwise: Body) -> Body:
    return matching.match_header(AT, {socket: part for socket, (_, part) in entries.items()}, otherwise)


def _entry(settings: ProxySettings, destination: Destination) -> Body:
    undecided = routes.pass_on(settings)
    return _by_claim(destination.claims, lambda choices: _leaving(settings, choices), undecided)


def _has_otherwise(destination: Destination) -> bool:
    return any(choices.otherwise is not None for choices in destination.claims)


def _differing(plan: RoutePlan) -> dict[RouteKey, list[Destination]]:
    """Give the destinations to which a caller's space makes a difference, by that space."""
    found: dict[RouteKey, list[Destination]] = {RouteKey(child): [] for child in sorted(plan.children)}
    for destination in plan.destinations:
        for key in {key for choices in destination.claims for key in choices.by_key}:
            if key in found:
                found[key].append(destination)
    return found


def compile_inbound(inbound: Inbound, settings: ProxySettings, *, waits: bool = False) -> Body:
    """Give the routes of what reaches a pod: its own requests, and those that belong to another version.

    With ``waits`` the first are tried again while the application refuses them.
    """
    here = routes.wait_all(settings) if waits else routes.pass_all()
    stay = partial(_staying, settings, routes.wait_here if waits else routes.pass_on)

    def table(branch: Callable[[Choices], Body]) -> Body:
        ports = {str(port.number): _by_claim(port.claims, branch, here) for port in inbound.ports}
        return matching.match_header(AT, ports, here)

    unread = matching.any_of(_KUBERNETES, _BAGGAGE, matching.header_like(":authority", _PREFIXED))
    first = [
        (_unscanned(unread), routes.scan(CARRIERS_AND_HOST)),
        (matching.header_like(ONCE, _ANYTHING), table(stay)),
    ]
    arrive = partial(_arriving, settings, stay)
    return _routes(INBOUND, matching.match_first(first, table(arrive)))


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


def _compile_standing(entries: Entries, ranges: tuple[str, ...]) -> Body:
    """Decide for what has no key and gets the caller's, where that key changes nothing."""
    address = extension("header", "HeaderInput", header_name=ADDRESS)
    inside = [(ranges, routes.pass_all(_MARKED))]
    return _at(entries, matching.match_network(address, inside, routes.pass_all()))


def _entry_keyless(settings: ProxySettings, own: RouteKey | None, destination: Destination) -> Body:
    undecided = routes.pass_on(settings, _MARKED)
    return _by_claim(destination.claims, lambda choices: _leaving_keyless(settings, own, choices), undecided)


def _leaving_keyless(settings: ProxySettings, own: RouteKey | None, choices: Choices) -> Body:
    decided = None if own is None else choices.by_key.get(own)
    outcome = decided or choices.otherwise
    marks = routes.Marks(own=True, once=decided is None and outcome is not None)
    return routes.pass_on(settings, marks) if outcome is None else routes.send(settings, outcome, marks)


def _arriving(settings: ProxySettings, stay: Callable[[Choices], Body], choices: Choices) -> Body:
    once = routes.Marks(once=True)
    elsewhere = {
        NO_KEY + key: routes.send(settings, outcome, once) for key, outcome in choices.by_key.items()
    }
    return matching.match_header(KEY, elsewhere, stay(choices))


def _staying(settings: ProxySettings, pass_on: routes.PassOn, choices: Choices) -> Body:
    return pass_on(settings, answering=f"{choices.service}.{choices.space}")


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


def _routes(name: str, matcher: Body, more: Body | None = None) -> Body:
    hosts = [{"name": name, "domains": ["*"], "matcher": matcher["matcher"], **(more or {})}]
    return {"name": name, "virtual_hosts": hosts}
