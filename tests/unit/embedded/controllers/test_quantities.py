"""Quantities of storage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.controllers.quantities import bytes_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1Gi", 2**30),
        ("500M", 5e8),
        ("1k", 1000),
        ("1.5Ki", 1536),
        ("1e3", 1000),
        (".5", 0.5),
        (7, 7),
        ("x", 0),
    ],
)
def test_quantities_are_compared_as_numbers(text: object, expected: float) -> None:
    assert bytes_of(text) == expected


@given(st.text())
def test_any_text_is_some_number(text: str) -> None:
    assert bytes_of(text) >= 0
