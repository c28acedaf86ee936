"""Counts that may be shares."""

from __future__ import annotations

from typing import Any

import pytest

from alcove.embedded.controllers.counts import resolve_count


@pytest.mark.parametrize(
    ("value", "up", "expected"),
    [
        (3, True, 3),
        ("25%", True, 3),
        ("25%", False, 2),
        ("0%", True, 0),
        (None, True, 0),
        ("100%", False, 10),
    ],
)
def test_a_count_is_a_number_or_a_share_of_ten(value: Any, up: bool, expected: int) -> None:
    assert resolve_count(value, 10, round_up=up) == expected
