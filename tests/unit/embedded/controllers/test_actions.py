"""Merge patches between statuses."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.fake_api import merge_patch

from alcove.embedded.controllers.actions import difference, status_patches
from alcove.embedded.objects import GroupResource

VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(max_size=2), VALUES, max_size=4)


@given(OBJECTS, OBJECTS)
def test_the_difference_leads_from_one_to_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merge_patch(old, difference(old, new)) == new


@given(OBJECTS)
def test_there_is_no_difference_between_equals(content: dict[str, Any]) -> None:
    assert difference(content, content) == {}


def test_a_status_that_is_already_so_is_not_written() -> None:
    item = {"metadata": {"name": "x", "uid": "u"}, "status": {"replicas": 1}}
    assert status_patches(GroupResource("pods"), item, {"replicas": 1}) == []
    [patch] = status_patches(GroupResource("pods"), item, {})
    assert patch.merge == {"metadata": {"uid": "u"}, "status": {"replicas": None}}
