from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sessions.samples import TOLD

from alcove.app.up.telling import describe_update, document, duration, say
from alcove.sessions import calls
from alcove.sessions.calls import Line, Notice, PhaseBegan, PhaseEnded, Problem, Refused, Updated


@pytest.mark.parametrize(
    ("told", "lines"),
    [
        (PhaseBegan("sync"), ["Synchronizing files..."]),
        (PhaseEnded("sync", 0.25), ["Synchronizing files...250ms"]),
        (PhaseEnded("install", 2.04), ["Installing Helm chart...2.0s"]),
        (PhaseEnded("install", 2.0, failed=True), ["Failed to install Helm chart"]),
        (PhaseBegan("build"), ["Building container image..."]),
        (PhaseEnded("build", 145.2), ["Built container image in 2m 25s"]),
        (PhaseEnded("build", 1.0, failed=True), ["Failed to build container image."]),
        (PhaseEnded("start", 12.4), ["Waiting for container...12s"]),
        (PhaseEnded("dance", 1.0, failed=True), ["dance failed"]),
        (Line("build", "STEP 1"), ["STEP 1"]),
        (Line("command", "hello", "web-1"), ["hello"]),
        (Notice("look", "there"), ["look (there)"]),
        (Notice("look"), ["look"]),
        (Problem("it failed", "quota", "ask"), ["it failed: quota", "hint: ask"]),
        (Refused("no"), ["no"]),
        (calls.Exited(0), []),
        (calls.Running(("web-1",)), []),
        (calls.CommandStarted("web-1", 7), []),
    ],
)
def test_what_people_read(told: calls.Told, lines: list[str]) -> None:
    assert [said.text for said in say(told)] == lines


def test_which_of_it_is_data_and_which_must_not_be_missed() -> None:
    (printed,) = say(Line("command", "x", "web-1"), prefixed=True)
    assert printed.data and printed.text == "web-1: x"
    problem, hint = say(Problem("m", hint="h"))
    assert problem.warning and not hint.warning
    (began,) = say(PhaseBegan("build"))
    (ended,) = say(PhaseEnded("build", 1.0))
    assert (began.began, ended.ended) == ("build", "build")


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (Updated("m", "web-1", "copy", "because", 1, 0.043), "Updated 1 file in 43ms: because"),
        (Updated("m", "web-1", "copy", "because", 3, 0.0), "Updated 3 files in 1ms: because"),
        (Updated("m", "web-1", "restart", "because", 1, 1.5), "Restarted with 1 file in 1.5s: because"),
        (Updated("m", "web-1", "copy", "why", 2, 1.0, 2), "Updated 2 files in web-1 in 1.0s: why"),
    ],
)
def test_an_update_is_one_line(told: Updated, line: str) -> None:
    assert describe_update(told) == line == next(iter(say(told))).text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1ms"),
        (0.0434, "43ms"),
        (1.0, "1.0s"),
        (9.94, "9.9s"),
        (10.4, "10s"),
        (59.4, "59s"),
        (59.6, "1m 0s"),
        (145.0, "2m 25s"),
        (3725.0, "62m 5s"),
    ],
)
def test_times_as_people_read_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(0, 1e6))
def test_a_time_has_no_more_than_three_digits_below_a_minute(seconds: float) -> None:
    text = duration(seconds)
    assert text and ("m" in text or len(text) <= 5)


@given(TOLD)
def test_everything_is_a_line_of_json_with_its_kind_first(told: calls.Told) -> None:
    found = document(told, "web")
    assert list(found)[:2] == ["event", "project"] and found["project"] == "web"
    assert "\n" not in json.dumps(found)
    list(say(told))
