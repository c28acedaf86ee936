"""What a Job says about itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.controllers.job_status import render_indexes, report_job
from alcove.embedded.controllers.jobs import parse_indexes


def test_a_finished_jobs_status_stays_whatever_becomes_of_its_pods() -> None:
    conditions = [{"type": "Complete", "status": "True"}]
    job = {"metadata": {"name": "j", "uid": "u"}, "spec": {}, "status": {"conditions": conditions}}
    assert report_job(job, [], outcome=None, completed=None, now=0.0).actions == ()


def test_a_job_that_is_managed_elsewhere_is_left_alone() -> None:
    job = {"metadata": {"name": "j", "uid": "u"}, "spec": {"managedBy": "example.com/queue"}}
    assert report_job(job, [], outcome=None, completed=None, now=0.0).actions == ()


@pytest.mark.parametrize(
    ("indexes", "text"),
    [([], ""), ([3], "3"), ([0, 1], "0,1"), ([0, 1, 2, 5], "0-2,5"), ([1, 3, 4, 5, 9], "1,3-5,9")],
)
def test_indexes_are_written_in_ranges(indexes: list[int], text: str) -> None:
    assert render_indexes(indexes) == text


@given(st.sets(st.integers(0, 300)))
def test_indexes_survive_writing_and_reading(indexes: set[int]) -> None:
    assert parse_indexes(render_indexes(indexes)) == indexes


@given(st.text())
def test_any_text_is_read_as_some_indexes(text: str) -> None:
    assert all(one >= 0 for one in parse_indexes(text))
