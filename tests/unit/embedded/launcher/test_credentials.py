"""Capabilities and programs."""

from __future__ import annotations

import pytest

from alcove.embedded.launcher import credentials


def test_the_default_mask_is_that_of_containerd() -> None:
    assert credentials.capability_mask(credentials.DEFAULT_CAPABILITIES) == 0xA80425FB


@pytest.mark.parametrize(
    ("program", "path", "found"),
    [
        ("a", "/x:/y", ["/x/a", "/y/a"]),
        ("a", ":/y", ["./a", "/y/a"]),
        ("./a", "/x", ["./a"]),
        ("/b/a", "/x", ["/b/a"]),
    ],
)
def test_programs_with_a_slash_are_not_searched_for(program: str, path: str, found: list[str]) -> None:
    assert list(credentials.candidates(program, path)) == found
