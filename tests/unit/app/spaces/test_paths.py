"""Spaces as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.app.spaces.paths import parse_path, suggest_name
from alcove.errors import UsageError
from alcove.spaces.hosts import is_label


def test_a_path_has_a_name_and_ancestors_from_the_top() -> None:
    path = parse_path("dev/team/alice")
    assert (path.name, path.ancestors, path.parent) == ("alice", ("dev", "team"), "team")
    assert parse_path("dev").parent is None and str(path) == "dev/team/alice"


@pytest.mark.parametrize(
    ("text", "cause", "hint"),
    [
        ("", "it is empty", "write NAME"),
        ("dev/", "it is empty", "write NAME"),
        ("Dev_Alice", "not 'D_A'", "'dev-alice'"),
        ("feature/JIRA-1", "not 'JIRA'", "'jira-1'"),
        ("-a", "begins and ends", "'a'"),
        ("a" * 64, "64 characters", "'" + "a" * 63 + "'"),
        ("ä", "not 'ä'", "write NAME"),
        ("dev/dev", "own ancestor", ""),
    ],
)
def test_what_cannot_be_a_name_is_refused_with_the_reason(text: str, cause: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_path(text)
    assert cause in caught.value.cause and hint in caught.value.hint


@given(st.text())
def test_any_text_is_a_path_of_labels_or_refused(text: str) -> None:
    try:
        path = parse_path(text)
    except UsageError as error:
        assert error.cause
        return
    assert str(path) == text and all(map(is_label, (*path.ancestors, path.name)))


@given(st.text())
def test_what_is_suggested_can_be_a_name(text: str) -> None:
    assert not (name := suggest_name(text)) or is_label(name)
