from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object
from alcove.embedded.patching import fieldsets, ownership, track_update
from alcove.embedded.ports import SchemaNode

VALUES = st.recursive(
    st.none() | st.integers(0, 2) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
ENTRIES = st.fixed_dictionaries(
    {"name": st.sampled_from("abc")}, optional={"image": st.sampled_from("xy"), "args": VALUES}
)
OBJECTS = st.fixed_dictionaries(
    {"apiVersion": st.just("v1"), "metadata": st.just({"name": "n", "labels": {"l": "1"}})},
    optional={
        "data": st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), max_size=3) | VALUES,
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "replicas": st.integers(0, 2),
                "selector": st.dictionaries(st.sampled_from("ab"), st.just("v")),
                "containers": st.lists(ENTRIES, max_size=3) | VALUES,
            },
        ),
    },
)


def write(schema: SchemaNode, old: Object | None, new: Object, manager: str = "me", **more: str) -> Object:
    asked: dict[str, Any] = {"subresource": "", "api_version": "v1", "now": "t1", **more}
    return track_update(old, new, schema=schema, manager=manager, **asked)


def owned(item: Object) -> dict[str, Any]:
    return {entry["manager"]: entry["fieldsV1"] for entry in item["metadata"].get("managedFields", [])}


def config_map(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def test_the_creator_owns_what_it_created(schema: SchemaNode) -> None:
    item = config_map(a="1")
    item["metadata"] |= {"labels": {"x": "y"}, "finalizers": ["f"], "uid": "u"}
    created = write(schema, None, item, "kubectl-create")
    assert created["metadata"]["managedFields"] == [
        {
            "manager": "kubectl-create",
            "operation": "Update",
            "apiVersion": "v1",
            "time": "t1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {
                    "f:labels": {".": {}, "f:x": {}},
                    "f:finalizers": {".": {}, 'v:"f"': {}},
                },
                "f:data": {".": {}, "f:a": {}},
            },
        }
    ]
    assert "managedFields" not in item["metadata"]


def test_entries_of_map_lists_are_owned_by_their_keys_with_defaults(schema: SchemaNode) -> None:
    ports = [{"containerPort": 80}]
    item = {"spec": {"containers": [{"name": "é", "ports": ports}], "selector": {"a": "b"}}}
    spec = owned(write(schema, None, item))["me"]["f:spec"]
    assert spec["f:selector"] == {}
    port: dict[str, Any] = {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}
    assert spec["f:containers"]['k:{"name":"é"}']["f:ports"] == {".": {}, **port}


def test_a_changed_field_changes_its_owner(schema: SchemaNode) -> None:
    created = write(schema, None, config_map(a="1", b="1"), "one")
    changed = write(schema, created, config_map(a="2", b="1", c="1"), "two", now="t2")
    assert owned(changed) == {
        "one": {"f:data": {".": {}, "f:b": {}}},
        "two": {"f:data": {"f:a": {}, "f:c": {}}},
    }


def test_a_removed_field_has_no_owner(schema: SchemaNode) -> None:
    created = write(schema, None, config_map(a="1", b="1"), "one")
    changed = write(schema, created, config_map(a="1"), "two", now="t2")
    assert owned(changed) == {"one": {"f:data": {".": {}, "f:a": {}}}}
    assert changed["metadata"]["managedFields"][0]["time"] == "t1"


def test_a_write_without_change_changes_no_managed_field(schema: SchemaNode) -> None:
    created = write(schema, None, config_map(a="1"), "one")
    again = write(schema, created, copy.deepcopy(config_map(a="1")), "two", now="t2")
    assert again == created


def test_each_subresource_has_its_own_entry(schema: SchemaNode) -> None:
    created = write(schema, None, config_map(a="1"))
    new = {**created, "status": {"phase": "x"}}
    entries = write(schema, created, new, subresource="status")["metadata"]["managedFields"]
    assert [entry.get("subresource") for entry in entries] == [None, "status"]
    assert entries[1]["fieldsV1"] == {"f:status": {".": {}, "f:phase": {}}}


@pytest.mark.parametrize("sent", [[], [{}]])
def test_a_client_may_end_the_tracking(schema: SchemaNode, sent: Any) -> None:
    created = write(schema, None, config_map(a="1"))
    new = config_map(a="2")
    new["metadata"]["managedFields"] = sent
    ended = write(schema, created, new)
    assert "managedFields" not in ended["metadata"]
    assert "managedFields" not in write(schema, ended, config_map(a="3"))["metadata"]


def test_a_subresource_cannot_set_managed_fields(schema: SchemaNode) -> None:
    created = write(schema, None, config_map(a="1"))
    new = {**created, "metadata": {**created["metadata"], "managedFields": [{}]}}
    assert write(schema, created, new, subresource="status") == created


def test_a_client_may_give_fields_back(schema: SchemaNode) -> None:
    created = write(schema, None, config_map(a="1"), "one")
    new = copy.deepcopy(created)
    new["metadata"]["managedFields"][0]["manager"] = "other"
    assert list(owned(write(schema, created, new, "two"))) == ["other"]


@pytest.mark.parametrize(
    "sent",
    [
        "text",
        [1],
        [{"manager": "x"}],
        [{"manager": 1, "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1"}],
        [{"operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"x": {}}}],
        [{"operation": "Update", "apiVersion": "v1", "fieldsType": "V2", "fieldsV1": {}}],
        [{"operation": [], "apiVersion": "v1", "fieldsType": "V2", "fieldsV1": {}}],
    ],
)
def test_managed_fields_that_are_none_keep_the_old_ones(schema: SchemaNode, sent: Any) -> None:
    created = write(schema, None, config_map(a="1"))
    new = config_map(a="1")
    new["metadata"]["managedFields"] = sent
    assert write(schema, created, new) == created


def test_the_oldest_of_many_writers_become_one(schema: SchemaNode) -> None:
    item = write(schema, None, config_map(k00="1"), "m00", now="t00")
    for i in range(1, 20):
        data = {**item["data"], f"k{i:02}": "1"}
        item = write(schema, item, {**item, "data": data}, f"m{i:02}", now=f"t{i:02}")
    shares = owned(item)
    assert len(shares) == 10
    assert "f:k00" in shares["ancient-changes"]["f:data"] and "m19" in shares


def test_duplicate_entries_are_owned_as_one(schema: SchemaNode) -> None:
    twice = {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "a", "image": "2"}]}}
    created = write(schema, None, twice)
    assert owned(created)["me"]["f:spec"]["f:containers"] == {".": {}, 'k:{"name":"a"}': {}}
    other = {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "a", "image": "3"}]}}
    assert owned(write(schema, created, other, "two"))["two"] == {
        "f:spec": {"f:containers": {'k:{"name":"a"}': {}}}
    }


def test_objects_nested_too_deeply_are_refused(schema: SchemaNode) -> None:
    deep: Any = {}
    for _ in range(3000):
        deep = {"a": deep}
    for old in (None, write(schema, None, config_map(a="1"))):
        with pytest.raises(ApiError) as error:
            write(schema, old, {"metadata": {}, "data": deep})
        assert error.value.code == 400


@given(OBJECTS, OBJECTS, OBJECTS)
def test_each_field_of_an_object_has_an_owner(schema: SchemaNode, one: Any, two: Any, three: Any) -> None:
    item = write(schema, None, one, "one")
    item = write(schema, item, two, "two", now="t2")
    item = write(schema, item, three, "three", now="t3")
    covered = ownership.everything((ownership.owners_of(item) or {}).values())
    all_fields = fieldsets.fields_of_object(three, schema, containers=True)
    missing = set(fieldsets.paths(fieldsets.difference(all_fields, covered)))
    assert not missing
    assert not fieldsets.difference(covered, all_fields)


@given(OBJECTS, OBJECTS)
def test_sets_of_fields_obey_the_laws_of_sets(schema: SchemaNode, one: Any, two: Any) -> None:
    a = fieldsets.fields_of_object(one, schema, containers=True)
    b = fieldsets.fields_of_object(two, schema, containers=False)
    a_set, b_set = set(fieldsets.paths(a)), set(fieldsets.paths(b))
    assert set(fieldsets.paths(fieldsets.union(a, b))) == a_set | b_set
    assert set(fieldsets.paths(fieldsets.intersection(a, b))) == a_set & b_set
    assert set(fieldsets.paths(fieldsets.difference(a, b))) == a_set - b_set
