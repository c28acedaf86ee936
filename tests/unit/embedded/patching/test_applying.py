from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object
from alcove.embedded.patching import apply_server_side, track_update
from alcove.embedded.ports import SchemaNode

CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abcd")},
        optional={"image": st.sampled_from("xy"), "args": st.lists(st.sampled_from("pq"), max_size=2)},
    ),
    max_size=4,
    unique_by=lambda entry: entry["name"],
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(0, 3) | st.none(),
        "selector": st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), max_size=2),
        "containers": CONTAINERS,
        "strategy": st.fixed_dictionaries({}, optional={"type": st.sampled_from("xy")}),
    },
)


def wanted(**spec: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": spec}


def apply(
    schema: SchemaNode,
    live: Object | None,
    item: Object,
    manager: str = "me",
    *,
    force: bool = False,
    **more: str,
) -> Object:
    before = copy.deepcopy((live, item))
    asked = {"subresource": "", "api_version": "v1", "now": "t1", **more}
    result = apply_server_side(live, item, schema=schema, manager=manager, force=force, **asked)
    assert (live, item) == before
    return result


def update(schema: SchemaNode, live: Object | None, item: Object, manager: str) -> Object:
    return track_update(
        live, item, schema=schema, manager=manager, subresource="", api_version="v1", now="t0"
    )


def owned(item: Object) -> dict[str, Any]:
    return {entry["manager"]: entry["fieldsV1"] for entry in item["metadata"].get("managedFields", [])}


def containers(**images: str) -> list[dict[str, str]]:
    return [{"name": name, "image": image} for name, image in images.items()]


def test_applying_creates_and_owns_what_is_applied(schema: SchemaNode) -> None:
    item = wanted(replicas=1, containers=containers(a="1"))
    item["metadata"]["labels"] = {"x": "y"}
    created = apply(schema, None, item)
    assert created["metadata"].pop("managedFields") == [
        {
            "manager": "me",
            "operation": "Apply",
            "apiVersion": "v1",
            "time": "t1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {"f:labels": {"f:x": {}}},
                "f:spec": {
                    "f:replicas": {},
                    "f:containers": {'k:{"name":"a"}': {".": {}, "f:name": {}, "f:image": {}}},
                },
            },
        }
    ]
    assert created == item


def test_applying_the_same_again_changes_nothing(schema: SchemaNode) -> None:
    created = apply(schema, None, wanted(replicas=1))
    assert apply(schema, created, wanted(replicas=1), now="t2") == created


def test_what_is_applied_no_more_is_removed(schema: SchemaNode) -> None:
    live = apply(
        schema, None, wanted(replicas=1, strategy={"type": "x"}, containers=containers(a="1", b="1"))
    )
    after = apply(schema, live, wanted(containers=containers(b="1")), now="t2")
    assert after["spec"] == {"containers": containers(b="1")}


def test_a_removed_entry_takes_its_defaults_with_it(schema: SchemaNode) -> None:
    live = apply(schema, None, wanted(containers=containers(a="1", b="1")))
    live["spec"]["containers"][0]["args"] = ["defaulted"]
    assert apply(schema, live, wanted(containers=containers(b="1")))["spec"] == {
        "containers": containers(b="1")
    }


def test_what_another_owns_too_stays(schema: SchemaNode) -> None:
    live = apply(schema, None, wanted(replicas=1, selector={"a": "b"}))
    live = apply(schema, live, wanted(replicas=1), "other")
    after = apply(schema, live, wanted(), now="t2")
    assert after["spec"] == {"replicas": 1}
    assert owned(after) == {"me": {"f:spec": {}}, "other": {"f:spec": {"f:replicas": {}}}}


def test_a_conflict_is_told_as_kubernetes_tells_it(schema: SchemaNode) -> None:
    live = update(schema, None, wanted(replicas=1), "kubectl")
    with pytest.raises(ApiError) as error:
        apply(schema, live, wanted(replicas=2))
    assert (error.value.code, error.value.reason) == (409, "Conflict")
    assert error.value.message == (
        'Apply failed with 1 conflict: conflict with "kubectl" using v1: .spec.replicas'
    )
    assert error.value.details["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl" using v1',
            "field": ".spec.replicas",
        }
    ]


def test_several_conflicts_are_told_by_owner(schema: SchemaNode) -> None:
    live = apply(schema, None, wanted(containers=containers(a="1")), "two")
    live = update(schema, live, {**live, "spec": {**live["spec"], "replicas": 1}}, "one")
    with pytest.raises(ApiError) as error:
        apply(schema, live, wanted(replicas=2, containers=containers(a="2")))
    assert error.value.message == (
        'Apply failed with 2 conflicts: conflicts with "one" using v1:\n- .spec.replicas\n'
        'conflicts with "two":\n- .spec.containers[name="a"].image'
    )


def test_force_takes_the_field_over(schema: SchemaNode) -> None:
    live = update(schema, None, wanted(replicas=1, selector={"a": "b"}), "kubectl")
    after = apply(schema, live, wanted(replicas=2), force=True)
    assert after["spec"]["replicas"] == 2
    assert "f:replicas" not in owned(after)["kubectl"]["f:spec"]
    assert owned(after)["me"] == {"f:spec": {"f:replicas": {}}}


def test_equal_values_are_shared(schema: SchemaNode) -> None:
    live = update(schema, None, wanted(replicas=1), "kubectl")
    after = apply(schema, live, wanted(replicas=1))
    assert set(owned(after)) == {"kubectl", "me"}
    assert "f:replicas" in owned(after)["kubectl"]["f:spec"]


@pytest.mark.parametrize("value", [[], [{}], [{"manager": "x"}]])
def test_managed_fields_cannot_be_applied(schema: SchemaNode, value: Any) -> None:
    item = wanted()
    item["metadata"]["managedFields"] = value
    with pytest.raises(ApiError) as error:
        apply(schema, None, item)
    assert (error.value.code, error.value.message) == (400, "metadata.managedFields must be nil")


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ({"containers": [*containers(a="1"), *containers(a="2")]}, 'duplicate entries for key [name="a"]'),
        ({"containers": [{"image": "x"}]}, ".spec.containers"),
        ({"containers": ["x"]}, ".spec.containers"),
    ],
)
def test_entries_that_cannot_be_told_apart_are_refused(schema: SchemaNode, spec: Any, part: str) -> None:
    with pytest.raises(ApiError) as error:
        apply(schema, None, wanted(**spec))
    assert error.value.code == 500
    assert "failed to create typed patch object (/t; /v1, Kind=Thing)" in error.value.message
    assert part in error.value.message


def test_another_version_is_refused(schema: SchemaNode) -> None:
    with pytest.raises(ApiError) as error:
        apply(schema, None, wanted(), api_version="v2")
    assert "Specified patch version: v1, expected: v2" in error.value.message


def test_what_nobody_was_known_to_own_belongs_to_before_first_apply(schema: SchemaNode) -> None:
    live = wanted(replicas=1)
    with pytest.raises(ApiError, match="before-first-apply"):
        apply(schema, live, wanted(replicas=2))
    after = apply(schema, live, wanted(selector={"a": "b"}))
    assert after["spec"] == {"replicas": 1, "selector": {"a": "b"}}
    assert set(owned(after)) == {"before-first-apply", "me"}


@pytest.mark.parametrize(
    ("live", "applied", "expected"),
    [
        ("abc", "ca", "bca"),
        ("ba", "xa", "bxa"),
        ("ab", "ax", "abx"),
        ("abc", "b", "abc"),
        ("", "ab", "ab"),
        ("abc", "xyz", "abcxyz"),
    ],
)
def test_entries_keep_the_order_in_which_they_are_applied(
    schema: SchemaNode, live: str, applied: str, expected: str
) -> None:
    first = update(schema, None, wanted(containers=[{"name": name} for name in live]), "other")
    after = apply(schema, first, wanted(containers=[{"name": name} for name in applied]))
    assert "".join(entry["name"] for entry in after["spec"]["containers"]) == expected


def test_an_atomic_map_is_owned_and_replaced_as_a_whole(schema: SchemaNode) -> None:
    live = apply(schema, None, wanted(selector={"a": "1"}), "one")
    with pytest.raises(ApiError, match=r'conflict with "one": \.spec\.selector'):
        apply(schema, live, wanted(selector={"b": "1"}), "two")
    after = apply(schema, live, wanted(selector={"b": "1"}), "two", force=True)
    assert after["spec"] == {"selector": {"b": "1"}}
    assert owned(after) == {"two": {"f:spec": {"f:selector": {}}}}


def test_null_removes_a_field(schema: SchemaNode) -> None:
    live = apply(schema, None, wanted(replicas=1))
    assert apply(schema, live, wanted(replicas=None))["spec"] == {}
    assert apply(schema, None, wanted(replicas=None))["spec"] == {}


def test_kubectl_takes_over_what_it_applied_on_the_client_side(schema: SchemaNode) -> None:
    item = wanted(replicas=1)
    text = json.dumps(item)
    item["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": text}
    live = update(schema, None, item, "kubectl-client-side-apply")
    with pytest.raises(ApiError):
        apply(schema, live, wanted(replicas=2), "other")
    after = apply(schema, live, wanted(replicas=2), "kubectl")
    noted = after["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
    assert after["spec"]["replicas"] == 2
    assert json.loads(noted)["spec"] == {"replicas": 2}


def test_what_is_nested_too_deeply_is_refused(schema: SchemaNode) -> None:
    deep: Any = {}
    for _ in range(3000):
        deep = {"a": deep}
    with pytest.raises(ApiError) as error:
        apply_server_side(
            None,
            wanted(strategy=deep),
            schema=schema,
            manager="me",
            force=False,
            subresource="",
            api_version="v1",
            now="t",
        )
    assert error.value.code == 400


@given(SPECS, SPECS)
def test_applying_is_idempotent(schema: SchemaNode, first: Any, second: Any) -> None:
    live = update(schema, None, wanted(**first), "other")
    once = apply(schema, live, wanted(**second), force=True)
    assert apply(schema, once, wanted(**second), now="t2") == once


@given(SPECS, SPECS)
def test_the_last_applied_wins_and_nothing_else_of_it_is_left(
    schema: SchemaNode, first: Any, second: Any
) -> None:
    live = apply(schema, None, wanted(**first))
    after = apply(schema, live, wanted(**second))
    fresh = apply(schema, None, wanted(**second))
    assert owned(after) == owned(fresh)
    for name, value in fresh["spec"].items():
        if name != "containers":
            assert after["spec"][name] == value
    assert {c["name"] for c in after["spec"].get("containers") or []} == {
        c["name"] for c in fresh["spec"].get("containers") or []
    }


@given(
    st.dictionaries(st.sampled_from("abc"), st.just("1")),
    st.dictionaries(st.sampled_from("xyz"), st.just("2")),
)
def test_appliers_of_different_fields_never_conflict(schema: SchemaNode, one: Any, two: Any) -> None:
    base = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "t"}}
    live = apply(schema, None, {**base, "data": one}, "one")
    both = apply(schema, live, {**base, "data": two}, "two")
    assert both["data"] == {**one, **two}
    assert apply(schema, both, {**base, "data": one}, "one")["data"] == {**one, **two}


ANYTHING = st.recursive(
    st.none() | st.integers(0, 1),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["replicas", "containers", "selector", "name", "strategy", "labels"]), inner
        )
    ),
    max_leaves=8,
)


@given(SPECS, ANYTHING)
def test_anything_applied_gives_an_object_or_an_api_error(
    schema: SchemaNode, first: Any, second: Any
) -> None:
    live = update(schema, None, wanted(**first), "other")
    for item in ({**wanted(), "spec": second}, {**wanted(), "metadata": second}):
        try:
            apply(schema, live, item, force=True)
        except ApiError as error:
            assert error.code in (400, 409, 500)
