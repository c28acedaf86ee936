from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.faults import ApiError
from alcove.embedded.patching import apply_strategic_patch
from alcove.embedded.ports import SchemaNode

NAMES = st.sampled_from(["a", "b", "c"])
ENTRIES = st.fixed_dictionaries(
    {}, optional={"name": NAMES, "image": NAMES, "$patch": st.sampled_from(["delete", "replace", "x"])}
)
LISTS = st.lists(ENTRIES | NAMES | st.none() | st.lists(NAMES), max_size=3)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "containers": LISTS | NAMES,
        "$setElementOrder/containers": LISTS | NAMES,
        "$deleteFromPrimitiveList/containers": LISTS,
        "$retainKeys": st.lists(st.sampled_from(["containers", "replicas"])) | NAMES,
        "replicas": st.none() | st.integers(0, 3) | LISTS,
        "$patch": st.sampled_from(["delete", "replace", "merge", "x"]) | LISTS,
        "strategy": st.dictionaries(NAMES, LISTS, max_size=2),
    },
)


def patched(schema: SchemaNode, spec: dict[str, Any], change: Any) -> Any:
    item = {"spec": spec}
    before = copy.deepcopy(item)
    result = apply_strategic_patch(item, json.dumps({"spec": change}).encode(), schema)
    assert item == before
    return result.get("spec")


def named(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


def test_a_new_container_is_added_in_front_as_the_documentation_shows(schema: SchemaNode) -> None:
    spec = {"containers": [{"name": "demo", "image": "nginx"}], "tolerations": [{"key": "a"}]}
    change = {"containers": [{"name": "two", "image": "redis"}], "tolerations": [{"key": "b"}]}
    assert patched(schema, spec, change) == {
        "containers": [{"name": "two", "image": "redis"}, {"name": "demo", "image": "nginx"}],
        "tolerations": [{"key": "b"}],
    }


def test_retain_keys_changes_the_strategy_as_the_documentation_shows(schema: SchemaNode) -> None:
    spec = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"max": "1"}}}
    change = {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}
    assert patched(schema, spec, change) == {"strategy": {"type": "Recreate"}}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ([{"name": "a", "image": "2"}], [{"name": "a", "image": "2"}, {"name": "b"}]),
        ([{"name": "a", "$patch": "delete"}], [{"name": "b"}]),
        ([{"$patch": "replace"}, {"name": "c"}], [{"name": "c"}]),
        ([{"$patch": "replace"}], []),
        ([{"name": "b", "$patch": "replace", "image": "2"}], []),
        ([{"name": "a", "image": None}], [{"name": "a"}, {"name": "b"}]),
        ([{"name": "c", "image": None, "args": ["x"]}], [{"name": "c", "args": ["x"]}, *named("a", "b")]),
        ([{"name": "a", "$patch": "merge"}], named("a", "b")),
    ],
)
def test_directives_in_a_list_of_objects(schema: SchemaNode, change: Any, expected: Any) -> None:
    result = patched(schema, {"containers": [{"name": "a"}, {"name": "b"}]}, {"containers": change})
    assert result == {"containers": expected}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"$patch": "replace", "replicas": 2}, {"replicas": 2}),
        ({"$patch": "delete"}, {}),
        ({"replicas": None}, {"selector": {"a": "b"}, "affinity": {"x": "y"}}),
        ({"replicas": 1, "selector": {"c": "d"}, "affinity": {"z": "1"}}, {
            "replicas": 1, "selector": {"a": "b", "c": "d"}, "affinity": {"z": "1"}}),
        ({"$retainKeys": ["replicas"], "replicas": 3}, {"replicas": 3}),
        ({"unknown": {"a": [1]}, "$retainKeys": ["unknown"]}, {"unknown": {"a": [1]}}),
        ({"$retainKeys": ["strategy"], "strategy": {"$patch": "delete"}}, {}),
    ],
)  # fmt: skip
def test_directives_in_an_object(schema: SchemaNode, change: Any, expected: Any) -> None:
    spec = {"replicas": 1, "selector": {"a": "b"}, "affinity": {"x": "y"}}
    assert patched(schema, spec, change) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"finalizers": ["c", "a"]}, ["c", "a", "b"]),
        ({"$deleteFromPrimitiveList/finalizers": ["a"]}, ["b"]),
        ({"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["d"]}, ["d", "b"]),
        ({"$setElementOrder/finalizers": ["b", "a"]}, ["b", "a"]),
        ({"$setElementOrder/finalizers": ["b", "c", "a"], "finalizers": ["c"]}, ["b", "c", "a"]),
        ({"$deleteFromPrimitiveList/finalizers": ["x"]}, ["a", "b"]),
    ],
)
def test_lists_of_primitives_merge(schema: SchemaNode, change: Any, expected: Any) -> None:
    body = json.dumps({"metadata": change}).encode()
    result = apply_strategic_patch({"metadata": {"finalizers": ["a", "b"]}}, body, schema)
    assert result["metadata"]["finalizers"] == expected


def test_the_order_that_kubectl_sends_is_kept_and_others_stay_between(schema: SchemaNode) -> None:
    change = {
        "$setElementOrder/containers": named("c", "new", "a"),
        "containers": [{"name": "new"}, {"name": "a", "image": "2"}],
    }
    result = patched(schema, {"containers": named("a", "injected", "c")}, change)
    assert [entry["name"] for entry in result["containers"]] == ["injected", "c", "new", "a"]


def test_nested_lists_merge_by_their_own_keys(schema: SchemaNode) -> None:
    spec = {"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "web"}]}]}
    change = {"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "UDP"}]}]}
    assert patched(schema, spec, change)["containers"][0]["ports"] == [
        {"containerPort": 80, "name": "web", "protocol": "UDP"}
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"containers": [{"image": "x"}]}, 422),
        ({"containers": ["x"]}, 422),
        ({"containers": [["x"]]}, 422),
        ({"containers": [{"name": "a", "$patch": "frob"}]}, 400),
        ({"$patch": "frob"}, 400),
        ({"$patch": ["x"]}, 400),
        ({"$retainKeys": "x"}, 400),
        ({"$retainKeys": [], "replicas": 1}, 400),
        ({"$setElementOrder/containers": "x"}, 400),
        ({"$setElementOrder/containers": named("a", "b"), "containers": named("b", "a")}, 422),
        ({"$deleteFromPrimitiveList/containers": {}}, 400),
    ],
)
def test_malformed_directives_are_refused(schema: SchemaNode, change: Any, code: int) -> None:
    with pytest.raises(ApiError) as error:
        patched(schema, {"containers": named("a")}, change)
    assert error.value.code == code


@given(SPECS, SPECS)
def test_any_patch_gives_an_object_or_an_api_error(schema: SchemaNode, spec: Any, change: Any) -> None:
    try:
        patched(schema, spec, change)
    except ApiError as error:
        assert error.code in (400, 422)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_patch_or_an_api_error(schema: SchemaNode, body: bytes) -> None:
    try:
        apply_strategic_patch({"spec": {}}, body, schema)
    except ApiError as error:
        assert error.code in (400, 422)
