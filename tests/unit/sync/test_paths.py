"""Paths that a manifest may hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.sync import paths

SOUND = ["a", "a/b", ".a", "...", "a.", "..a/b", "é/ü", "a b", "a\nb", "x" * 255, "ß" * 127, "-", "~", "C:"]
UNSOUND = ["", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "./a", "a\0b", "a\\b", "x" * 256]
UNSOUND += ["ß" * 128, "\udcff", "/".join(["x" * 200] * 30)]


@pytest.mark.parametrize("path", SOUND)
def test_what_a_tree_may_hold(path: str) -> None:
    assert paths.is_sound(path) and paths.find_fault(path) == ""


@pytest.mark.parametrize("path", UNSOUND)
def test_what_no_tree_may_hold(path: str) -> None:
    assert not paths.is_sound(path) and paths.find_fault(path)


@given(st.text(max_size=300) | st.text(alphabet="./\\\0aé", max_size=12))
def test_the_quick_answer_is_the_thorough_one(path: str) -> None:
    assert paths.is_sound(path) == (not paths.find_fault(path))


@given(st.text(alphabet="a.\\\0é", min_size=1, max_size=4))
def test_a_plain_name_makes_a_sound_path(name: str) -> None:
    if paths.is_plain(name) and name not in (".", "..") and "\0" not in name:
        assert paths.is_sound(f"a/{name}")


def test_where_things_are() -> None:
    assert (paths.parent_of("a/b/c"), paths.parent_of("a")) == ("a/b", "")
    assert (paths.join("", "a"), paths.join("a", "b")) == ("a", "a/b")
    assert paths.is_below("a/b", "a") and paths.is_below("a", "a") and paths.is_below("x", "")
    assert not paths.is_below("ab", "a") and not paths.is_below("a", "a/b")


def test_paths_that_differ_in_case_only_are_found() -> None:
    assert paths.find_case_clashes(["a/B", "a/b", "c", "A/b"]) == [("A/b", "a/B", "a/b")]
