"""What a request is looked up in: where it was addressed, then its key.

Both proxies of a pod have such a table, from the same kind of claims. They differ in what "addressed" means,
in what happens when an address stands, and in the marks they make.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from alcove.model import RouteKey, SpaceName
from alcove.routing.choices import Choices
from alcove.routing.envoy import matching, routes
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
from alcove.routing.plan import RoutePlan
from alcove.spaces.headers import BAGGAGE, KUBERNETES_ROUTE_AS, ROUTE_AS
from alcove.spaces.hosts import render_service_hosts

NO_KEY = "."
_ANYTHING = ".+"
_MEMBER = rf"(?s)(.*,)?\s*{ROUTE_AS}\s*=.*"
_PREFIXED = r"(?i)[a-z0-9-]+\.s\..+"
_KUBERNETES = matching.header_like(KUBERNETES_ROUTE_AS, _ANYTHING)
_BAGGAGE = matching.header_like(BAGGAGE, _MEMBER)


def compile_table(plan: RoutePlan, settings: ProxySettings) -> Body:
    """Give what decides for a request that leaves a pod and carries a key, or whose caller brings none.

    It is the same for the pods of every space, so it is made once for all of them.
    """
    undecided = routes.pass_on(settings)
    branches = {
        destination.socket: _by_claim(
            destination.claims, lambda choices: _leaving(settings, choices), undecided
        )
        for destination in plan.destinations
    }
    return matching.match_header(AT, branches, routes.pass_all())


def compile_outbound(plan: RoutePlan, settings: ProxySettings, caller: SpaceName, table: Body) -> Body:
    """Give the routes of what leaves a pod of the space ``caller``; equal for all pods of a space.

    A pod of a child space adds its space as key to what has none, towards addresses of the cluster only.
    ``table`` is that of ``compile_table``.
    """
    unread = matching.any_of(_KUBERNETES, _BAGGAGE)
    first = [(_unscanned(unread), routes.scan(CARRIERS))]
    if caller in plan.children:
        own = _compile_keyless(plan, settings, RouteKey(caller))
        first.append((matching.header_is(KEY, NO_KEY), own))
    return _routes(OUTBOUND, matching.match_first(first, table))


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


def _compile_keyless(plan: RoutePlan, settings: ProxySettings, own: RouteKey) -> Body:
    """Decide for what has no key and gets the caller's: a short table, of what that key changes."""
    marked = routes.Marks(key=own)
    undecided = routes.pass_on(settings, marked)
    branches = {
        destination.socket: _by_claim(
            destination.claims, lambda choices: _leaving_keyless(settings, own, choices), undecided
        )
        for destination in plan.destinations
        if any(own in choices.by_key or choices.otherwise is not None for choices in destination.claims)
    }
    address = extension("header", "HeaderInput", header_name=ADDRESS)
    inside = [(plan.ranges, routes.pass_all(marked))]
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
