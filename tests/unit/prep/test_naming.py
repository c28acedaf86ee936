"""Names of services, whatever a folder is called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.prep.naming import LONGEST_NAME, make_name


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("web", "web"),
        ("Web Front_End", "web-front-end"),
        ("Café Größe", "cafe-grosse"),
        ("my.app--v2.", "my-app-v2"),
        ("3-tier", "app-3-tier"),
        ("42", "app-42"),
        ("日本", "app"),
        ("", "app"),
        ("--", "app"),
        ("On", "app-on"),
        ("x" * 70, "x" * LONGEST_NAME),
        ("a" * (LONGEST_NAME - 1) + "-b", "a" * (LONGEST_NAME - 1)),
    ],
)
def test_a_name_is_made_of_a_folders(folder: str, name: str) -> None:
    assert make_name(folder) == name


@given(st.text())
def test_every_name_is_a_label_and_stays_what_it_is(folder: str) -> None:
    name = make_name(folder)
    assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name) and len(name) <= LONGEST_NAME
    assert make_name(name) == name
