"""The slow check: who is due, and what is suspicious."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.sync.checking import LARGEST_SLICE, CheckPlan, find_suspects
from alcove.sync.hashing import stamp_of


def paths(count: int) -> list[str]:
    return [str(n) for n in range(count)]


@given(st.integers(1, 3000), st.floats(0.5, 100))
def test_a_round_asks_about_everything_once_and_takes_its_time(count: int, interval: float) -> None:
    plan = CheckPlan(interval, now=0.0)
    plan.know(paths(count))
    now = 0.0
    asked: list[str] = []
    while len(asked) < count:
        due = plan.take(now)
        assert len(due.paths) <= LARGEST_SLICE and due.next_at > now
        asked += due.paths
        end, now = now, due.next_at
    assert asked == paths(count)
    assert end == pytest.approx(interval, rel=0.2)


def test_a_hurried_round_makes_no_pauses() -> None:
    plan = CheckPlan(60.0, now=0.0)
    plan.know(paths(1000))
    plan.hurry()
    asked: list[str] = []
    for _ in range(4):
        due = plan.take(1.0)
        asked += due.paths
    assert asked == paths(1000) and due.next_at > 1.0
    assert not plan.take(1.0).paths


def test_after_a_long_sleep_there_is_no_burst() -> None:
    plan = CheckPlan(60.0, now=0.0)
    plan.know(paths(50_000))
    assert len(plan.take(86400.0).paths) == LARGEST_SLICE
    assert plan.take(86400.0).next_at > 86400.0


def test_paths_may_change_in_the_middle_of_a_round() -> None:
    plan = CheckPlan(10.0, now=0.0)
    assert plan.take(0.0).paths == ()
    plan.know(paths(1000))
    plan.take(5.0)
    plan.know(paths(10))
    assert not plan.take(6.0).paths
    assert plan.take(20.0).paths == paths(10)
    plan.know([])
    assert not plan.take(40.0).paths and plan.take(40.0).next_at > 40.0


def test_what_is_not_as_it_was_is_suspicious(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).write_text(name)
    known = {name: stamp_of((tmp_path / name).lstat()) for name in "abcd"}
    (tmp_path / "b").write_text("longer")
    (tmp_path / "c").unlink()
    (tmp_path / "d").chmod(0o600)
    assert find_suspects("abcdx", known, lambda path: os.lstat(tmp_path / path)) == ["b", "c", "d"]
