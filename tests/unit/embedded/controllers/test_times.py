"""Times and conditions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.controllers.times import earliest, is_true, seconds_of, with_condition
from alcove.embedded.events import timestamp

NOW = 1_700_000_000.0


@given(st.integers(0, 4_000_000_000))
def test_times_survive_writing_and_reading(seconds: int) -> None:
    assert seconds_of(timestamp(seconds)) == seconds


@given(st.one_of(st.text(), st.none(), st.integers()))
def test_what_is_no_time_is_none_and_never_an_error(value: Any) -> None:
    assert seconds_of(value) is None or isinstance(value, str)


@pytest.mark.parametrize(
    "text", ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20.000000Z", "2023-11-14T23:13:20+01:00"]
)
def test_every_form_of_a_time_is_read(text: str) -> None:
    assert seconds_of(text) == NOW


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    new = {"type": "Ready", "status": "True", "reason": "A", "message": ""}
    first = with_condition([], new, NOW)
    second = with_condition(first, {**new, "reason": "B"}, NOW + 5)
    third = with_condition(second, {**new, "status": "False"}, NOW + 9)
    moved = [conditions[0]["lastTransitionTime"] for conditions in (first, second, third)]
    assert moved == [timestamp(NOW), timestamp(NOW), timestamp(NOW + 9)]
    assert second[0]["reason"] == "B"
    assert not is_true(third, "Ready")


def test_the_earliest_of_no_times_is_none() -> None:
    assert (earliest(None, None), earliest(2.0, None, 1.0)) == (None, 1.0)
