"""Plan after plan: what is used again is what would have been decided anew."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.routing.worlds import any_state

from alcove.model import ClusterState
from alcove.routing.plan import Planner, plan_routes


@st.composite
def any_history(draw: st.DrawFn) -> list[ClusterState]:
    """Draw states one after the other; Services that stay are the same objects, as when observed."""
    before, after = draw(any_state()), draw(any_state())
    kept = {key: item for key, item in before.services.items() if draw(st.booleans())}
    spaces = draw(st.sampled_from([before, after])).spaces
    return [before, dataclasses.replace(after, spaces=spaces, services={**after.services, **kept}), after]


@given(any_history())
def test_a_planner_that_has_seen_other_states_gives_what_a_new_one_gives(history: list[ClusterState]) -> None:
    planner = Planner()
    assert [planner.plan(state) for state in history] == [plan_routes(state) for state in history]


@given(any_state())
def test_what_is_as_it_was_is_the_same_object_again(state: ClusterState) -> None:
    planner = Planner()
    first, again = planner.plan(state), planner.plan(dataclasses.replace(state))
    assert first == again
    assert all(again.inbound[address] is found for address, found in first.inbound.items())
