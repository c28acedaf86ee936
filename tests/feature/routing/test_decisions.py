"""The table of decisions, by the rules and by what is compiled from them."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from tests.feature.routing import states
from tests.feature.routing.states import Case
from tests.feature.routing.walks import PORTS, Arrival, compile_state, walk

from alcove.model import ClusterState, Port, RouteKey, ServiceName, SpaceName
from alcove.routing.snapshot import Node, Snapshot
from alcove.spaces.headers import parse_route_key
from alcove.spaces.resolve import Reason, decide, decide_port
from alcove.spaces.tree import plan_tree

STATES, CASES = states.load()
every_case = pytest.mark.parametrize(
    "case", CASES, ids=lambda case: "-".join([case.state, case.caller, case.to])
)


@functools.cache
def compiled(name: str) -> Mapping[Node, Snapshot]:
    return compile_state(STATES[name])


def test_the_table_is_large_and_has_no_case_twice() -> None:
    assert len(CASES) >= 150
    assert len({repr(case) for case in CASES}) == len(CASES)


@every_case
def test_the_rules_decide_as_the_table_says(case: Case) -> None:
    if case.protocol == "tcp":
        return
    state = STATES[case.state]
    tree = plan_tree(state.spaces.values())
    service, space = (ServiceName(case.to.split(".")[0]), SpaceName(case.to.split(".")[1]))
    found = parse_route_key(case.headers.items())
    own = case.caller if len(tree.chain(SpaceName(case.caller))) > 1 else ""
    key = found[0] if found else RouteKey(own)
    assert key == case.key
    decision = decide(tree, state.services, service=service, space=space, key=key)
    asked = next(port for port in _known_ports(state, service, space) if port.number == PORTS[case.protocol])
    decided = decide_port(state.services, service=service, decision=decision, asked=asked)
    assert decided.reason is Reason[case.reason]
    refused = decided.reason in (Reason.NO_PORT, Reason.ABSENT)
    assert ("-" if refused else decided.space) == case.answer


@every_case
def test_the_compiled_tables_decide_as_the_table_says(case: Case) -> None:
    arrival = walk(STATES[case.state], compiled(case.state), case)
    assert arrival.space == case.answer
    if case.answer != "-" and case.protocol != "tcp":
        assert arrival == Arrival(case.answer, case.key)
    if case.reason in ("NO_PORT", "ABSENT"):
        assert Reason[case.reason].value in arrival.refused


def _known_ports(state: ClusterState, service: ServiceName, space: SpaceName) -> tuple[Port, ...]:
    found = state.services.get((space, service))
    return found.ports if found else states.PORTS_OF_ALL
