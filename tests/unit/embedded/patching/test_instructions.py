from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.faults import ApiError
from alcove.embedded.patching import apply_json_patch, apply_merge_patch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), JSON, max_size=4)
POINTERS = st.sampled_from(
    ["", "/", "/a", "/a/b", "/a/0", "/b/-", "/c/d/e", "/~0", "/~2", "a", "/a/-1", "/a/01"]
)
OPERATIONS = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "frob"]) | JSON,
        "path": POINTERS | JSON,
        "from": POINTERS | JSON,
        "value": JSON,
    },
)

RFC_7386 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


def patch(item: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    return apply_json_patch(item, json.dumps(operations).encode())


@pytest.mark.parametrize(("item", "change", "expected"), RFC_7386)
def test_merge_patch_does_what_the_rfc_shows(item: Any, change: Any, expected: Any) -> None:
    assert apply_merge_patch(item, json.dumps(change).encode()) == expected


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_changes_nothing_the_second_time(item: Any, change: Any) -> None:
    body = json.dumps(change).encode()
    before = copy.deepcopy(item)
    once = apply_merge_patch(item, body)
    assert apply_merge_patch(once, body) == once
    assert item == before


@given(OBJECTS)
def test_an_empty_merge_patch_is_no_change(item: Any) -> None:
    assert apply_merge_patch(item, b"{}") == item


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b'{"a": NaN}', b"1"])
def test_what_is_no_object_is_no_merge_patch(body: bytes) -> None:
    with pytest.raises(ApiError) as error:
        apply_merge_patch({}, body)
    assert (error.value.code, error.value.reason) == (400, "BadRequest")


@pytest.mark.parametrize("depth", [300, 100_000])
@pytest.mark.parametrize("apply", [apply_merge_patch, apply_json_patch])
def test_a_patch_nested_too_deeply_is_refused(apply: Any, depth: int) -> None:
    with pytest.raises(ApiError) as error:
        apply({}, b'{"a":' * depth + b"1" + b"}" * depth)
    assert error.value.code == 400


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/b", "value": 1}, {"a": [1, 2], "b": 1}),
        ({"op": "add", "path": "/a/-", "value": 3}, {"a": [1, 2, 3]}),
        ({"op": "add", "path": "/a/0", "value": 3}, {"a": [3, 1, 2]}),
        ({"op": "remove", "path": "/a/0"}, {"a": [2]}),
        ({"op": "replace", "path": "/a", "value": None}, {"a": None}),
        ({"op": "move", "from": "/a", "path": "/b"}, {"b": [1, 2]}),
        ({"op": "copy", "from": "/a/1", "path": "/c~1d"}, {"a": [1, 2], "c/d": 2}),
        ({"op": "test", "path": "/a/0", "value": 1}, {"a": [1, 2]}),
    ],
)
def test_json_patch_operations(operation: Any, expected: Any) -> None:
    item = {"a": [1, 2]}
    assert patch(item, operation) == expected
    assert item == {"a": [1, 2]}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/missing"},
        {"op": "replace", "path": "/missing", "value": 1},
        {"op": "add", "path": "/missing/x", "value": 1},
        {"op": "frob", "path": "/a"},
        {"op": "add", "path": "/a"},
        {"op": "replace", "path": "", "value": []},
        {"op": "remove", "path": ""},
        {},
    ],
)
def test_an_operation_that_cannot_be_done_is_422_with_the_text_of_kubernetes(operation: Any) -> None:
    with pytest.raises(ApiError) as error:
        patch({"a": 1}, operation)
    assert (error.value.code, error.value.reason) == (422, "Invalid")
    assert error.value.message == "the server rejected our request due to an error in our request"


def test_too_many_operations_are_refused() -> None:
    with pytest.raises(ApiError) as error:
        patch({}, *[{"op": "add", "path": "/a", "value": 1}] * 10_001)
    assert error.value.code == 413


def test_copies_cannot_blow_an_object_up() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": f"/a/x{i}"} for i in range(60)]
    with pytest.raises(ApiError) as error:
        patch({"a": {"b": "text"}}, *doubling)
    assert "copies more than" in str(error.value.details)


@given(OBJECTS, st.lists(OPERATIONS, max_size=4) | JSON)
def test_any_json_is_a_json_patch_or_an_api_error(item: Any, operations: Any) -> None:
    try:
        result = apply_json_patch(item, json.dumps(operations).encode())
    except ApiError as error:
        assert error.code in (400, 422)
    else:
        assert isinstance(result, dict)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_patch_or_an_api_error(body: bytes) -> None:
    for apply in (apply_json_patch, apply_merge_patch):
        try:
            apply({"a": 1}, body)
        except ApiError as error:
            assert error.code in (400, 422)
