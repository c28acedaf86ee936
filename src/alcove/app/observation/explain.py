"""Why a request goes where it goes: the rules that the proxies were given, asked about one request.

Nothing is decided here. The addressed Service, the key and the world go into ``spaces.resolve`` and
``routing``, which is where the proxies' tables come from, and what comes out is put into words.
"""

from __future__ import annotations

from alcove.app.observation import addressing, outside, wording
from alcove.app.observation.addressing import Addressed, Target
from alcove.app.observation.explanations import CALLERS_SPACE, NO_KEY, Decided, Explanation, Keyed, Question
from alcove.model import ClusterState, Port, Protocol, RouteKey, SpaceName
from alcove.routing.addresses import render_socket
from alcove.routing.choices import Choices, Refusal, plan_address, plan_outcome
from alcove.routing.world import World, observe_world
from alcove.spaces.headers import parse_route_key
from alcove.spaces.resolve import decide, decide_port

_EXTERNAL = "EXTERNAL_NAME"
_UNREADABLE = "NOT_HTTP"


def explain_route(state: ClusterState, question: Question) -> Explanation:
    """Say who answers a request, and why.

    Raises:
        UsageError: the URL is none.
        ConflictError: it leads nowhere, or the caller is in no space.
    """
    world = observe_world(state)
    target = addressing.parse_target(question.url)
    caller = question.caller.space if question.caller else None
    if caller is not None and caller not in world.tree.parents:
        raise wording.no_space(world, caller)
    host_header = {name.lower(): value for name, value in question.headers}.get("host", "")
    if addressing.is_address(target.host):
        addressed = addressing.find_dialled(world, target, host_header)
    else:
        addressed = addressing.find_named(world, target, caller)
    if addressed is not None:
        return _explain_service(world, question, target, addressed)
    hosts = outside.plan_hosts(world, state)
    seen = outside.find_entry(world, state, hosts=hosts, target=target, headers=question.headers)
    if seen is None:
        raise addressing.no_such_host(world, target, tuple(sorted(hosts)))
    return _conclude(world, seen)


def resolve_key(world: World, question: Question) -> Keyed:
    """Give the key that a request inside the cluster has, once the caller's proxy has seen it."""
    found = parse_route_key(question.headers)
    if found is not None:
        return Keyed(found[0], found[1].value)
    caller = question.caller
    if caller is None or world.tree.parents.get(caller.space) is None:
        return NO_KEY
    return Keyed(RouteKey(caller.space), CALLERS_SPACE)


def _explain_service(world: World, question: Question, target: Target, addressed: Addressed) -> Explanation:
    service = world.services.get((addressed.space, addressed.service))
    if service is not None and service.external_name and not addressed.removed:
        return _as_addressed(world, addressed, reason=_EXTERNAL, why=wording.external(service))
    if target.scheme in addressing.ENCRYPTED or addressed.port.protocol is Protocol.TCP:
        return _as_addressed(world, addressed, reason=_UNREADABLE, why=wording.unreadable(addressed, target))
    keyed = resolve_key(world, question)
    table = Choices(addressed.space, addressed.service)
    decision = decide(
        world.tree, world.services, service=addressed.service, space=addressed.space, key=keyed.key
    )
    outcome = plan_outcome(world, table, decision, addressed.port, facing=addressed.facing)
    found = Decided(addressed, keyed, decision, outcome)
    return _conclude(world, found, notes=wording.notes_on(question, keyed))


def _conclude(world: World, found: Decided, *, notes: tuple[str, ...] = ()) -> Explanation:
    addressed, keyed, outcome = found.addressed, found.keyed, found.outcome
    named = SpaceName(keyed.key) if keyed.key else addressed.space
    refused = isinstance(outcome, Refusal)
    reason = outcome.reason if isinstance(outcome, Refusal) else found.decision.reason
    return Explanation(
        service=addressed.service,
        addressed=addressed.space,
        key=keyed.key,
        carrier=keyed.carrier,
        chain=world.tree.chain(named) or world.tree.chain(addressed.space),
        answer=None if refused else outcome.space,
        port=None if refused else _answering_port(world, found),
        sockets=_sockets(world, found),
        protocol=addressed.port.protocol,
        reason=reason.name,
        why=wording.reason_sentence(found, reason),
        notes=notes,
    )


def _as_addressed(world: World, addressed: Addressed, *, reason: str, why: str) -> Explanation:
    gone = addressed.removed
    socket = render_socket(addressed.facing, addressed.port.number) if addressed.facing else ""
    service = world.services.get((addressed.space, addressed.service))
    if service is not None and service.headless and addressed.facing:
        socket = render_socket(addressed.facing, addressed.port.target)
    return Explanation(
        service=addressed.service,
        addressed=addressed.space,
        chain=world.tree.chain(addressed.space),
        answer=None if gone else addressed.space,
        port=None if gone else addressed.port,
        sockets=(socket,) if socket and not gone else (),
        protocol=addressed.port.protocol,
        reason=reason,
        why=why,
    )


def _answering_port(world: World, found: Decided) -> Port | None:
    addressed = found.addressed
    return decide_port(
        world.services, service=addressed.service, decision=found.decision, asked=addressed.port
    ).port


def _sockets(world: World, found: Decided) -> tuple[str, ...]:
    """Give where the request is sent: the address itself where that stands."""
    addressed, outcome = found.addressed, found.outcome
    if isinstance(outcome, Refusal):
        return ()
    if addressed.removed or outcome.space != addressed.space or not addressed.facing:
        return outcome.sockets
    service = world.services[addressed.space, addressed.service]
    if service.headless:
        dialled = render_socket(addressed.facing, addressed.port.target)
        return (dialled,) if addressed.dialled else outcome.sockets
    table = plan_address(world, service, addressed.port, facing=addressed.facing)
    leads = table.otherwise is not None or found.keyed.key in table.by_key
    return outcome.sockets if leads else (render_socket(addressed.facing, addressed.port.number),)
