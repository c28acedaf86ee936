from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alcove.charts.errors import ChartError
from alcove.charts.layers import merge_values
from alcove.charts.model import Release


def merged(*values: Any, **set_: Any) -> dict[str, Any]:
    return merge_values(Release("r", "default", Path(), values, set_))


def test_later_files_win_and_set_wins_over_all() -> None:
    assert merged({"a": 1, "b": 1, "c": 1}, {"b": 2, "c": 2}, c=3) == {"a": 1, "b": 2, "c": 3}


def test_mappings_merge_and_lists_replace() -> None:
    below = {"image": {"tag": "stable", "pull": "Always"}, "imagePullSecrets": [{"name": "a"}, {"name": "b"}]}
    above = {"image": {"tag": "t"}, "imagePullSecrets": [{"name": "c"}]}
    assert merged(below, **above) == {
        "image": {"tag": "t", "pull": "Always"},
        "imagePullSecrets": [{"name": "c"}],
    }


def test_a_mapping_and_a_scalar_replace_each_other() -> None:
    assert merged({"a": {"b": 1}}, {"a": 2}) == {"a": 2}
    assert merged({"a": 2}, {"a": {"b": 1}}) == {"a": {"b": 1}}


def test_a_null_stays_for_helm_to_forget_a_default() -> None:
    assert merged({"a": 1}, a=None) == {"a": None}


def test_an_empty_file_holds_no_values() -> None:
    assert merged(None, {"a": 1}) == {"a": 1}


def test_the_files_stay_as_they_were() -> None:
    below = {"a": {"b": 1}}
    merged(below, {"a": {"b": 2}})
    assert below == {"a": {"b": 1}}


def test_values_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(ChartError, match="values file 2 of the release r is not a mapping: it holds list"):
        merged({}, ["a"])
