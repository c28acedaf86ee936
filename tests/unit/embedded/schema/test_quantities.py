from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.schema import quantities


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.1Gi", "107374182400m"),
        ("512Ki", "512Ki"),
        ("1Ki", "1Ki"),
        ("0.5Ki", "512"),
        ("1000", "1k"),
        ("1500", "1500"),
        ("1000000", "1M"),
        ("1e3", "1e3"),
        ("100.5m", "100500u"),
        ("0.0000000001", "1n"),
        ("-1000m", "-1"),
        ("+2", "2"),
        ("00.50", "500m"),
        ("0Gi", "0"),
        (".5", "500m"),
        ("5.", "5"),
    ],
)
def test_amounts_have_one_written_form(text: str, written: str) -> None:
    assert quantities.canonical(text) == written


@pytest.mark.parametrize("text", ["", ".", "one", "1 Gi", "1GB", "--1", "1e", "9" * 200])
def test_what_is_no_amount_has_none(text: str) -> None:
    assert quantities.canonical(text) is None


@given(st.text(max_size=20) | st.integers() | st.floats() | st.booleans() | st.none())
def test_anything_is_an_amount_or_none(value: object) -> None:
    quantities.parse(value)


@given(st.from_regex(r"[0-9]{1,6}(\.[0-9]{0,3})?([mkMG]|[KMG]i)?", fullmatch=True))
def test_the_written_form_has_the_same_value_and_stays(text: str) -> None:
    written = quantities.canonical(text)
    before, after = quantities.parse(text), quantities.parse(written)
    assert before is not None
    assert after is not None
    assert before.nano == after.nano
    assert quantities.canonical(str(written)) == written
