"""Patches: correct for any two documents, and small for those that matter."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.admission.patches import plan_patch

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "name", "0", "1"])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "a/b", "m~n", "x", ""]), inner, max_size=4)
    ),
    max_leaves=15,
)
NAMED = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcd")}, optional={"value": SCALARS}), max_size=6
)


@given(before=DOCUMENTS, after=DOCUMENTS)
def test_a_patch_turns_one_into_the_other(before: Any, after: Any) -> None:
    check(before, after)


@given(before=NAMED, after=NAMED)
def test_lists_of_named_elements_too(before: Any, after: Any) -> None:
    check({"list": before}, {"list": after})


@given(DOCUMENTS)
def test_equal_documents_need_nothing(document: Any) -> None:
    assert plan_patch(document, copy.deepcopy(document)) == []


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({}, {"a": [1]}, [("add", "/a")]),
        ({"a": None}, {"a": [1]}, [("replace", "/a")]),
        ({"a": 1, "b": 1}, {"b": 2}, [("remove", "/a"), ("replace", "/b")]),
        ({"a": True}, {"a": 1}, [("replace", "/a")]),
        (
            [{"name": "u", "v": 1}],
            [{"name": "i"}, {"name": "p"}, {"name": "u", "v": 2}],
            [("replace", "/0/v"), ("add", "/0"), ("add", "/0")],
        ),
        ([{"name": "a"}, {"name": "b"}], [{"name": "b"}], [("remove", "/0")]),
        ({"x/y": {"m~n": 1}}, {"x/y": {"m~n": 2}}, [("replace", "/x~1y/m~0n")]),
    ],
)
def test_a_patch_is_no_larger_than_needed(before: Any, after: Any, patch: list[tuple[str, str]]) -> None:
    assert [(one["op"], one["path"]) for one in plan_patch(before, after)] == patch


def test_long_lists_of_one_name_take_no_time_to_align() -> None:
    many = [{"name": "a"}] * 20_000
    moved = [{"name": "x"}, *many]
    assert plan_patch([*many, {"name": "x"}], moved) == [{"op": "replace", "path": "", "value": moved}]
    assert plan_patch(many, moved) == [{"op": "add", "path": "/0", "value": {"name": "x"}}]


def check(before: Any, after: Any) -> None:
    """Compare as JSON, where true is not 1."""
    original = copy.deepcopy(before)
    result = jsonpatch.apply_patch({"root": before}, plan_patch({"root": before}, {"root": after}))
    assert json.dumps(result, sort_keys=True) == json.dumps({"root": after}, sort_keys=True)
    assert before == original
