from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.charts.naming import LONGEST, release_name

LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


def test_a_name_is_as_the_originals() -> None:
    name = release_name("webapp1", space="default", project="/home/me/webapp1")
    assert re.fullmatch(r"azds-[0-9a-f]{6}-default-webapp1", name)
    assert name == release_name("webapp1", space="default", project="/home/me/webapp1")


@pytest.mark.parametrize(
    ("space", "chart", "project"),
    [("dev", "web", "two"), ("dev", "api", "one"), ("test", "web", "one")],
)
def test_names_differ_by_project_chart_and_space(space: str, chart: str, project: str) -> None:
    assert release_name("web", space="dev", project="one") != release_name(
        chart, space=space, project=project
    )


def test_what_is_cut_does_not_collide() -> None:
    long = "a-service-with-a-very-long-name-that-somebody-gave-it"
    names = {release_name(long + end, space="dev", project="p") for end in ("", "-1", "-2")}
    assert len(names) == 3
    assert all(len(name) <= LONGEST for name in names)


def test_hyphens_do_not_make_two_names_one() -> None:
    long = "x" * 40
    assert release_name(f"b-{long}", space="a", project="p") != release_name(long, space="a-b", project="p")


def test_characters_that_labels_lack_do_not_collide() -> None:
    names = {release_name(chart, space="dev", project="p") for chart in ("my_chart", "my-chart", "My.Chart")}
    assert len(names) == 3


@given(st.text(min_size=1), st.text(min_size=1), st.text())
def test_every_name_is_a_label_that_helm_takes(chart: str, space: str, project: str) -> None:
    name = release_name(chart, space=space, project=project)
    assert LABEL.fullmatch(name)
    assert len(name) <= LONGEST
