from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.discovery.paths import JsonPathError, at, entries, find, parse_json_path

ITEM = {
    "spec": {"replicas": 2, "hosts": ["a", "b"], "none": None},
    "metadata": {"labels": {"example.com/role": "x"}},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Old", "status": False}]},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.replicas", [2]),
        ("{.spec.replicas}", [2]),
        ("$.spec.replicas", [2]),
        (".spec.hosts[0]", ["a"]),
        (".spec.hosts[-1]", ["b"]),
        (".spec.hosts[7]", []),
        (".spec.hosts[*]", ["a", "b"]),
        (".spec.nothing.deeper", []),
        (r".metadata.labels.example\.com/role", ["x"]),
        (".metadata.labels['example.com/role']", ["x"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.status==false)].type", ["Old"]),
    ],
)
def test_json_paths_lead_to_values(path: str, found: list[Any]) -> None:
    assert list(find(ITEM, parse_json_path(path))) == found


@pytest.mark.parametrize("path", ["..a", ".a[", ".a[?(@.b>1)]", "{range .a}", ".a[0:1]"])
def test_what_is_beyond_the_subset_is_refused(path: str) -> None:
    with pytest.raises(JsonPathError):
        parse_json_path(path)


@given(text=st.text(alphabet=".[]{}?@*'\"\\ab01=()$-/ ", max_size=20))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        steps = parse_json_path(text)
    except JsonPathError:
        return
    list(find(ITEM, steps))


def test_plain_paths_forgive_what_is_missing() -> None:
    assert at(ITEM, "spec.replicas") == 2
    assert at(ITEM, "spec.none", "x") == "x"
    assert at(ITEM, "spec.replicas.deeper", "x") == "x"
    assert entries(ITEM, "spec.hosts") == []
    assert [each["type"] for each in entries(ITEM, "status.conditions")] == ["Ready", "Old"]
