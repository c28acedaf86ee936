"""Quantities as numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.admission.quantities import parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", "1"),
        ("500m", "0.5"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("1Ki", "1024"),
        ("2Gi", "2147483648"),
        ("1k", "1000"),
        ("1e3", "1000"),
        ("1E", "1000000000000000000"),
        ("100n", "0.0000001"),
        ("0", "0"),
    ],
)
def test_a_quantity_is_a_number(text: str, number: str) -> None:
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["", "-1", "1 ", "m", "1mi", "1.2.3", "1e999", "9" * 40, "\u0661", "1\n", None, 1, True]
)
def test_anything_else_is_none(text: object) -> None:
    assert parse_quantity(text) is None


@given(st.text())
def test_no_text_raises(text: str) -> None:
    parse_quantity(text)
