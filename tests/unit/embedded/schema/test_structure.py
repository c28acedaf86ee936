from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.schema.samples import boat, crd, pod, type_of

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object
from alcove.embedded.schema import Catalog

KEPT = "x-kubernetes-preserve-unknown-fields"


def installed(catalog: Catalog, spec: Object) -> Catalog:
    catalog.install_crd(crd({"type": "object", "properties": {"spec": spec}}))
    return catalog


@pytest.mark.parametrize(
    ("spec", "given_spec", "kept"),
    [
        ({"type": "object"}, {"a": 1}, {}),
        ({"type": "object", KEPT: True}, {"a": 1}, {"a": 1}),
        (
            {"type": "object", KEPT: True, "properties": {"a": {"type": "object"}}},
            {"a": {"b": 1}, "c": {"d": 1}},
            {"a": {}, "c": {"d": 1}},
        ),
        (
            {
                "type": "object",
                "additionalProperties": {"type": "object", "properties": {"a": {"type": "integer"}}},
            },
            {"x": {"a": 1, "b": 2}},
            {"x": {"a": 1}},
        ),
        (
            {"type": "object", "properties": {"l": {"type": "array", "items": {"type": "object"}}}},
            {"l": [{"a": 1}, {}]},
            {"l": [{}, {}]},
        ),
        (
            {
                "type": "object",
                "properties": {"t": {"type": "object", "x-kubernetes-embedded-resource": True}},
            },
            {"t": {"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "nme": "b"}, "x": 1}},
            {"t": {"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}}},
        ),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {"a": None}, {"a": None}),
    ],
)
def test_custom_resources_keep_what_their_schema_names(
    catalog: Catalog, spec: Object, given_spec: Object, kept: Object
) -> None:
    item = boat(spec=given_spec)
    kind = type_of(installed(catalog, spec), item)
    assert catalog.prune(kind, item) == boat(spec=kept)
    assert catalog.unknown_fields(kind, catalog.prune(kind, item)) == []


@pytest.mark.parametrize(
    ("spec", "given_spec", "filled"),
    [
        ({"properties": {"n": {"type": "integer", "default": 3}}}, {}, {"n": 3}),
        ({"properties": {"n": {"type": "integer", "default": 3}}}, {"n": 0}, {"n": 0}),
        ({"properties": {"n": {"type": "integer", "default": 3}}}, {"n": None}, {"n": 3}),
        (
            {"properties": {"n": {"type": "integer", "default": 3, "nullable": True}}},
            {"n": None},
            {"n": None},
        ),
        (
            {
                "properties": {
                    "o": {
                        "type": "object",
                        "default": {},
                        "properties": {"n": {"default": 1, "type": "integer"}},
                    }
                }
            },
            {},
            {"o": {"n": 1}},
        ),
        (
            {
                "properties": {
                    "l": {"type": "array", "items": {"type": "object", "properties": {"n": {"default": 1}}}}
                }
            },
            {"l": [{}, {"n": 2}]},
            {"l": [{"n": 1}, {"n": 2}]},
        ),
        (
            {"additionalProperties": {"type": "object", "properties": {"n": {"default": 1}}}},
            {"x": {}},
            {"x": {"n": 1}},
        ),
    ],
)
def test_custom_resources_get_the_defaults_of_their_schema(
    catalog: Catalog, spec: Object, given_spec: Object, filled: Object
) -> None:
    item = boat(spec=given_spec)
    kind = type_of(installed(catalog, {"type": "object", **spec}), item)
    assert catalog.default(kind, item) == boat(spec=filled)


def test_an_object_without_gaps_is_defaulted_to_itself(catalog: Catalog) -> None:
    item = boat(spec={"n": 1})
    spec = {"type": "object", "properties": {"n": {"type": "integer", "default": 3}}}
    assert catalog.default(type_of(installed(catalog, spec), item), item) is item


def test_defaults_are_not_shared_between_objects(catalog: Catalog) -> None:
    spec = {
        "type": "object",
        "properties": {"l": {"type": "array", "default": [], "items": {"type": "string"}}},
    }
    kind = type_of(installed(catalog, spec), boat())
    catalog.default(kind, boat(spec={}))["spec"]["l"].append("x")
    assert catalog.default(kind, boat(spec={})) == boat(spec={"l": []})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["spec", "metadata", "labels", "containers", "name", "ports", "data", "x", ""]),
            children,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(content=st.dictionaries(st.sampled_from(["metadata", "spec", "status", "x"]), json_values))
def test_no_json_makes_a_built_in_walk_fail(builtin: Catalog, content: dict[str, Any]) -> None:
    item = {**content, "apiVersion": "v1", "kind": "Pod"}
    kind = type_of(builtin, item)
    builtin.unknown_fields(kind, item)
    pruned = builtin.prune(kind, item)
    assert builtin.unknown_fields(kind, pruned) == []
    try:
        builtin.validate(kind, builtin.default(kind, pruned), None)
    except ApiError as error:
        assert error.code == 400


@given(value=json_values)
def test_an_update_between_any_two_pods_is_judged_without_failing(builtin: Catalog, value: Any) -> None:
    kind = type_of(builtin, pod())
    item = builtin.prune(kind, {**pod(), "spec": value})
    try:
        builtin.validate(kind, builtin.default(kind, item), pod())
    except ApiError as error:
        assert error.code == 400
