"""The table of old problems names tests that exist, and misses no problem."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "troubleshooting.md").read_text()
NAMED = sorted(set(re.findall(r"`((?:unit|feature|e2e)/[\w/]+\.py)::(\w+)", TEXT)))
TOLD_WITHOUT_A_TEST = {"5", "10", "24"}
"""What cannot occur because a part of the old product has no counterpart, or cannot be told by anybody."""


def rows() -> dict[str, str]:
    return {found[1]: found[2] for found in re.finditer(r"^\| (\d+) \|.*\|([^|]*)\|$", TEXT, re.MULTILINE)}


def test_all_34_problems_are_there() -> None:
    assert sorted(map(int, rows())) == list(range(1, 35))


def test_each_names_a_test_or_is_known_to_need_none() -> None:
    assert {number for number, tests in rows().items() if "::" not in tests} == TOLD_WITHOUT_A_TEST


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_the_tests_exist(path: str, name: str) -> None:
    assert re.search(rf"^\s*(?:async )?def {name}\(", (ROOT / "tests" / path).read_text(), re.MULTILINE)
