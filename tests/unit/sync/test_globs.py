"""Patterns, and whether they could mean something below a directory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.sync.globs import Glob, docker_glob, git_glob, sync_globs

TEXT = st.text(alphabet="ab*?[]!/\\-^:{},.", max_size=12)


@pytest.mark.parametrize(
    ("glob", "directory", "anywhere", "expected"),
    [
        (git_glob("a/b"), "a", False, True),
        (git_glob("a/b"), "x", False, False),
        (git_glob("a/b"), "a/b", False, False),
        (git_glob("a/**"), "a/x/y", False, True),
        (git_glob("a/**/b"), "a/x/y", False, True),
        (git_glob("b"), "a", False, False),
        (git_glob("b"), "a", True, True),
        (git_glob("**/bin/b"), "x/bin", False, True),
        (git_glob("**/bin/b"), "x", False, False),
        (git_glob("**/bin/b"), "x", True, True),
        (docker_glob("a*c/d"), "abc", False, True),
        (docker_glob("a**c/d"), "abc", False, True),
        (docker_glob("a**c/d"), "x", False, False),
        (docker_glob("**c/d"), "abc", False, False),
        (docker_glob("**c/d"), "abc", True, True),
        (docker_glob("a"), "a", True, False),
        (git_glob("a"), "", False, False),
        (git_glob("/a"), "", False, True),
    ],
)
def test_what_could_be_below(glob: Glob, directory: str, anywhere: bool, expected: bool) -> None:
    assert glob.reaches_below(directory, anywhere=anywhere) is expected


@given(TEXT, st.text(alphabet="ab/.", max_size=8))
def test_what_matches_below_a_directory_reaches_below_it(pattern: str, path: str) -> None:
    for glob in (git_glob(pattern), docker_glob(pattern)):
        if "//" not in path and path.strip("/") == path and glob.compiled.fullmatch(path) and "/" in path:
            assert glob.reaches_below(path.rpartition("/")[0], anywhere=True)


def test_a_pattern_that_is_only_about_a_name_says_so() -> None:
    assert git_glob("*.py").name_regex and not git_glob("/*.py").name_regex and docker_glob("**/x").name_regex
    assert git_glob("*").is_universal and docker_glob("**/*").is_universal and not git_glob("a*").is_universal


def test_braces_are_expanded() -> None:
    regexes = [one.regex for one in sync_globs("{a*,b*}/{c*,{d*,e*}}")]
    assert len(regexes) == 6
    with pytest.raises(ValueError, match="more than"):
        sync_globs("{a,b}" * 12)
