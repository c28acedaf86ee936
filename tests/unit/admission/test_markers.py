"""Reading objects of any shape."""

from __future__ import annotations

import pytest

from alcove.admission import markers


@pytest.mark.parametrize("item", [{}, {"a": None}, {"a": {"b": []}}, {"a": "text"}])
def test_a_path_that_is_not_there_is_an_empty_object(item: dict[str, object]) -> None:
    assert markers.mapping(item, "a", "b") == {}


def test_a_list_gives_its_objects() -> None:
    assert markers.sequence({"a": [{"x": 1}, None, 2]}, "a") == [{"x": 1}]
    assert markers.sequence({"a": None}, "a") == []


def test_ours_are_not_the_users() -> None:
    spec = {"initContainers": [{"name": "alcove-init"}, {"name": "a"}], "containers": [{"name": "b"}]}
    assert [one["name"] for one in markers.users_containers(spec)] == ["a", "b"]


def test_only_true_marks() -> None:
    assert markers.is_marked({"metadata": {"labels": {"alcove.dev/injected": "true"}}})
    assert not markers.is_marked({"metadata": {"labels": {"alcove.dev/injected": "false"}}})
