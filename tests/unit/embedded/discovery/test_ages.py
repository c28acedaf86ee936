from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.discovery import ages

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (3 * MINUTE + 20, "3m20s"),
        (10 * MINUTE + 20, "10m"),
        (179 * MINUTE, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 5 * MINUTE, "3h5m"),
        (8 * HOUR + 5 * MINUTE, "8h"),
        (47 * HOUR, "47h"),
        (2 * DAY, "2d"),
        (2 * DAY + 4 * HOUR, "2d4h"),
        (8 * DAY + 4 * HOUR, "8d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + 3 * DAY, "2y3d"),
        (9 * YEAR + 3 * DAY, "9y"),
    ],
)
def test_durations_read_as_in_kubectl(seconds: float, text: str) -> None:
    assert ages.human_duration(seconds) == text


@pytest.mark.parametrize(
    "text", ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000000Z", "2024-01-01T02:00:00+02:00"]
)
def test_ages_are_counted_from_any_form_of_time(text: str) -> None:
    assert ages.age(text, 1704067200.0 + 45) == "45s"


@given(text=st.text(max_size=30) | st.none() | st.integers())
def test_what_is_no_time_is_unknown(text: object) -> None:
    if ages.parse_time(text) is None:
        assert ages.age(text, 0.0) == "<unknown>"
