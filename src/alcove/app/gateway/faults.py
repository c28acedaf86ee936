"""What Ingresses of our classes say that does not count, found by looking at all of them together.

What is wrong with one Ingress by itself is told where it is read (``observation.entries``). Here is what only
shows beside the others: two rules for one path, a host of another family, nobody who answers, a certificate
that cannot be used or is for other hosts.
"""

from __future__ import annotations

from collections.abc import Iterator

from alcove.app.observation.reports import Report
from alcove.model import ClusterState, Entry, RouteKey, SpaceName
from alcove.routing.certificates import observe_certificates
from alcove.routing.choices import Outcome, Refusal
from alcove.routing.entries import GatewayHost, find_inner, order_rule, plan_entries
from alcove.routing.world import World, observe_world
from alcove.spaces.hosts import LONGEST_HOST, render_host
from alcove.spaces.resolve import Reason

_KIND = "Ingress"


def report_entries(state: ClusterState, *, secrets_read: bool) -> tuple[Report, ...]:
    """Give all that does not count, and why.

    ``secrets_read`` says whether the state was made of Secrets too: else nothing is known of certificates.
    """
    world = observe_world(state)
    hosts = plan_entries(world, state.entries, observe_certificates(state))
    found = {
        *_outside(world, state),
        *_twice(state),
        *_strangers(world, state, hosts),
        *_too_long(world, state, hosts),
        *_unanswered(world, state, hosts),
        *(_untrusted(state, hosts) if secrets_read else ()),
    }
    return tuple(sorted(found))


def _about(entry: Entry, why: str) -> Report:
    return Report(_KIND, entry.space, entry.ingress, why)


def _outside(world: World, state: ClusterState) -> Iterator[Report]:
    for entry in state.entries:
        if entry.space not in world.tree.parents:
            yield _about(entry, f"its namespace is no space: nobody enters by {entry.host}")


def _twice(state: ClusterState) -> Iterator[Report]:
    first: dict[tuple[str, str, str, bool], Entry] = {}
    for entry in sorted(state.entries, key=order_rule):
        path = entry.path.rstrip("/") if not entry.exact else entry.path
        winner = first.setdefault((find_inner(entry), entry.space, path, entry.exact), entry)
        if (winner.service, winner.port) != (entry.service, entry.port):
            yield _about(
                entry,
                f"{entry.host}{entry.path} leads to {winner.service}:{winner.port} by the Ingress "
                f"{winner.ingress}, so its rule for {entry.service}:{entry.port} does not count",
            )


def _strangers(world: World, state: ClusterState, hosts: tuple[GatewayHost, ...]) -> Iterator[Report]:
    """Tell of rules whose host is another family's, or is another space's host with a prefix."""
    owners = {name: host.owner for host in hosts for name in host.names}
    for entry in state.entries:
        owner = owners.get(entry.host.lower())
        if entry.space not in world.tree.parents or owner in world.tree.chain(entry.space):
            continue
        host = entry.host.lower()
        own = _with_prefix(find_inner(entry), entry.space)
        instead = (
            f"; its rules are served at {own}" if owners.get(own) in world.tree.chain(entry.space) else ""
        )
        taken = f"the host {host} is of the space {owner}" if owner else f"nobody enters by {host}"
        yield _about(entry, f"{taken}, which {entry.space} does not fall back to{instead}")


def _with_prefix(host: str, space: SpaceName) -> str:
    try:
        return render_host(host, RouteKey(space))
    except ValueError:
        return ""


def _too_long(world: World, state: ClusterState, hosts: tuple[GatewayHost, ...]) -> Iterator[Report]:
    short = {host.host: set(world.below.get(host.owner, ())) - set(host.prefixed) for host in hosts}
    for entry in state.entries:
        left = sorted(short.get(entry.host.lower(), ()))
        if left and entry.space in world.tree.parents:
            names = ", ".join(left)
            why = f"with a prefix {entry.host} would be longer than {LONGEST_HOST} characters"
            yield _about(entry, f"{why}, so it does not exist for {names}")


def _unanswered(world: World, state: ClusterState, hosts: tuple[GatewayHost, ...]) -> Iterator[Report]:
    rules: dict[tuple[str, SpaceName], list[Entry]] = {}
    for entry in state.entries:
        rules.setdefault((find_inner(entry), entry.space), []).append(entry)
    for host in hosts:
        for key, paths in ((host.owner, host.paths), *host.views.items()):
            chain = world.tree.chain(SpaceName(key))
            ruling = next(rules[host.inner, each] for each in chain if (host.inner, each) in rules)
            for path in paths:
                for entry in ruling if _is_fault(path.outcome) else ():
                    if (entry.path, entry.exact, entry.service) == (
                        path.path,
                        path.exact,
                        path.outcome.service,
                    ):
                        name = host.prefixed.get(RouteKey(key), host.host)
                        yield _about(entry, f"{name}{path.path} answers 503: {path.outcome}")


def _is_fault(outcome: Outcome) -> bool:
    """Tell whether nobody answers by what was written: instances that are not ready come and go."""
    return isinstance(outcome, Refusal) and outcome.reason is not Reason.NO_INSTANCE


def _untrusted(state: ClusterState, hosts: tuple[GatewayHost, ...]) -> Iterator[Report]:
    wanting = {each.secret: each for each in state.tls}
    for host in hosts:
        for name, served in host.certificates.items():
            if str(served) and served.secret in wanting:
                namespace, _, secret = served.secret.partition("/")
                yield Report("Secret", namespace, secret, f"{name} has no trusted certificate: {served}")
