from __future__ import annotations

from typing import Any

import pytest

from alcove.charts import reading


@pytest.mark.parametrize("value", [None, 1, "a", ["a"]])
def test_what_has_another_shape_counts_as_not_there(value: Any) -> None:
    assert reading.mapping(value) == {}
    assert list(reading.mappings(value)) == []
    assert reading.metadata({"metadata": value}) == {}
    assert reading.name_of({"metadata": {"name": 3}}) == ""
    assert reading.each(value, lambda item: {**item, "a": 1}) == value


def test_mappings_in_lists_are_found_and_changed() -> None:
    items = [{"a": 1}, "b", None]
    assert list(reading.mappings(items)) == [{"a": 1}]
    assert reading.each(items, lambda item: {**item, "c": 2}) == [{"a": 1, "c": 2}, "b", None]
    assert reading.text(3) == ""
