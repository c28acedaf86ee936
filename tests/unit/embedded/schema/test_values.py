from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.schema.samples import told

from alcove.embedded.objects import Object
from alcove.embedded.schema.definitions import Definitions
from alcove.embedded.schema.nodes import Node, NodeTable
from alcove.embedded.schema.values import check_value

TABLE = NodeTable(Definitions({}, "v1.0.0", ()))


def node(**schema: Any) -> Node:
    return TABLE.node(schema, structural=True)


def said(schema: Object, value: Any) -> list[str]:
    return told(list(check_value(node(**schema), value, "a")))


@pytest.mark.parametrize(
    ("schema", "value", "complaint"),
    [
        ({"type": "integer"}, "x", 'Invalid value: "string": a in body must be of type integer: "string"'),
        ({"type": "string"}, None, 'Invalid value: "null": a in body must be of type string: "null"'),
        ({"type": "boolean"}, 1, 'Invalid value: "integer": a in body must be of type boolean: "integer"'),
        (
            {"type": "integer", "maximum": 3},
            4,
            "Invalid value: 4: a in body should be less than or equal to 3",
        ),
        (
            {"type": "integer", "minimum": 3},
            2,
            "Invalid value: 2: a in body should be greater than or equal to 3",
        ),
        (
            {"type": "number", "minimum": 0, "exclusiveMinimum": True},
            0,
            "Invalid value: 0: a in body should be greater than 0",
        ),
        (
            {"type": "number", "multipleOf": 0.5},
            0.7,
            "Invalid value: 0.7: a in body should be a multiple of 0.5",
        ),
        ({"type": "string", "enum": ["b", "c"]}, "d", 'Unsupported value: "d": supported values: "b", "c"'),
        ({"type": "string", "pattern": "^b+$"}, "c", """Invalid value: "c": a in body should match '^b+$'"""),
        (
            {"type": "string", "pattern": "^b+$"},
            "b\n",
            """Invalid value: "b\\n": a in body should match '^b+$'""",
        ),
        ({"type": "string", "maxLength": 1}, "bc", "Too long: may not be more than 1 bytes"),
        (
            {"type": "string", "minLength": 2},
            "b",
            'Invalid value: "b": a in body should be at least 2 chars long',
        ),
        ({"type": "array", "maxItems": 1}, [1, 2], "Too many: 2: must have at most 1 item"),
        ({"type": "array", "minItems": 1}, [], "Invalid value: 0: a in body should have at least 1 items"),
        (
            {"type": "object", "minProperties": 1},
            {},
            "Invalid value: 0: a in body should have at least 1 properties",
        ),
        (
            {"type": "string", "anyOf": [{"minLength": 5}, {"enum": ["b"]}]},
            "c",
            'Invalid value: "": "a" must validate at least one schema (anyOf)',
        ),
        (
            {"type": "integer", "oneOf": [{"minimum": 1}, {"minimum": 2}]},
            3,
            'Invalid value: "": "a" must validate one and only one schema (oneOf). Found 2',
        ),
        (
            {"type": "integer", "not": {"minimum": 1}},
            3,
            'Invalid value: "": "a" must not validate the schema (not)',
        ),
        (
            {"type": "integer", "allOf": [{"maximum": 2}]},
            3,
            "Invalid value: 3: a in body should be less than",
        ),
    ],
)
def test_wrong_values_are_told_what_is_wrong(schema: Object, value: Any, complaint: str) -> None:
    [only] = said(schema, value)
    assert only.startswith(f"a: {complaint}")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 3.0),
        ({"type": "number"}, 3),
        ({"type": "string", "nullable": True}, None),
        ({"x-kubernetes-int-or-string": True}, "25%"),
        ({"x-kubernetes-int-or-string": True}, 25),
        ({"x-kubernetes-preserve-unknown-fields": True}, {"a": [1]}),
        ({"type": "string", "pattern": r"^\p{L}+$"}, "Python does not know this pattern"),
        ({"type": "string", "format": "unheard-of"}, "x"),
        ({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}, ["a", "b"]),
        ({"type": "string", "oneOf": [{"pattern": "^a"}, {"pattern": "^b"}]}, "a"),
    ],
)
def test_right_values_are_accepted(schema: Object, value: Any) -> None:
    assert said(schema, value) == []


def test_what_is_required_is_missed_where_it_should_be() -> None:
    schema = {"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}}
    outer = {"type": "array", "items": schema}
    assert said(outer, [{"b": "x"}, {}]) == ["a[1].b: Required value"]


def test_entries_of_sets_and_maps_are_unique() -> None:
    entries = {"type": "object", "properties": {"k": {"type": "string"}}}
    keyed = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]}
    assert said({**keyed, "items": entries}, [{"k": "b"}, {"k": "b"}]) == ['a[1]: Duplicate value: {"k":"b"}']
    assert said({"type": "array", "x-kubernetes-list-type": "set"}, [1, 1]) == ["a[1]: Duplicate value: 1"]


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("date-time", "2024-01-31T10:00:00Z", "2024-01-31"),
        ("date", "2024-01-31", "2024-02-31"),
        ("duration", "1h30m", "1 hour"),
        ("email", "a@example.com", "a"),
        ("hostname", "a.example.com", "-a"),
        ("ipv4", "10.0.0.1", "::1"),
        ("ipv6", "::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0"),
        ("mac", "00:11:22:33:44:55", "00:11"),
        ("uri", "https://example.com/", "example"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        ("byte", "Yg==", "%"),
    ],
)
def test_formats_are_checked(name: str, right: str, wrong: str) -> None:
    assert said({"type": "string", "format": name}, right) == []
    [complaint] = said({"type": "string", "format": name}, wrong)
    assert f"must be of type {name}" in complaint


@pytest.mark.parametrize(("name", "limit"), [("int32", 2**31), ("int64", 2**63)])
def test_numbers_fit_their_format(name: str, limit: int) -> None:
    assert said({"type": "integer", "format": name}, limit - 1) == []
    assert said({"type": "integer", "format": name}, limit) != []


SCHEMA: Object = {
    "type": "object",
    "required": ["s"],
    "properties": {
        "s": {"type": "string", "format": "uri", "pattern": "^a", "maxLength": 3},
        "n": {"type": "number", "minimum": 0, "multipleOf": 2, "format": "int32"},
        "l": {
            "type": "array",
            "items": {"type": "object", "properties": {"k": {"type": "string"}}},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["k"],
        },
        "m": {"type": "object", "additionalProperties": {"x-kubernetes-int-or-string": True}},
    },
    "anyOf": [{"required": ["n"]}, {"required": ["l"]}],
}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("snlmk"), inner, max_size=4),
    max_leaves=10,
)


@given(value=values)
def test_any_json_is_judged(value: Any) -> None:
    assert all(isinstance(each, str) for each in said(SCHEMA, value))


@pytest.mark.parametrize(
    "name", ["uri", "date-time", "date", "ipv4", "cidr", "uuid", "byte", "duration", "hostname"]
)
@given(text=st.text(max_size=30))
def test_any_text_is_judged_against_formats(name: str, text: str) -> None:
    assert len(said({"type": "string", "format": name}, text)) <= 1
