from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.embedded.schema.samples import thing

from alcove.embedded.objects import Object

Complaints = Callable[..., list[str]]


def config(**metadata: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", **metadata}}


OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "u", "controller": True}


@pytest.mark.parametrize(
    ("kind", "api_version", "name", "accepted"),
    [
        ("ConfigMap", "v1", "a.b-c", True),
        ("ConfigMap", "v1", "A", False),
        ("ConfigMap", "v1", "a" * 254, False),
        ("Namespace", "v1", "a.b", False),
        ("Role", "rbac.authorization.k8s.io/v1", "system:Node", True),
        ("Role", "rbac.authorization.k8s.io/v1", "a/b", False),
    ],
)
def test_names_have_the_form_of_their_kind(
    complaints: Complaints, kind: str, api_version: str, name: str, accepted: bool
) -> None:
    item = thing(kind, api_version) | {"metadata": {"name": name}}
    assert (complaints(item) == []) is accepted


def test_a_name_is_required(complaints: Complaints) -> None:
    said = complaints({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}})
    assert said == ["metadata.name: Required value: name or generateName is required"]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"labels": {"a b": ""}}, 'metadata.labels: Invalid value: "a b": name part must consist of'),
        ({"labels": {"a": "b c"}}, 'metadata.labels: Invalid value: "b c": a valid label must be'),
        ({"labels": {"/a": ""}}, 'metadata.labels: Invalid value: "/a": prefix part must be non-empty'),
        ({"annotations": {"a b": ""}}, 'metadata.annotations: Invalid value: "a b": name part'),
        ({"annotations": {"a": "x" * 262144}}, "metadata.annotations: Too long: may not be more than 262144"),
        ({"finalizers": ["x.y/a b"]}, 'metadata.finalizers: Invalid value: "x.y/a b": name part'),
        ({"finalizers": ["a"]}, 'metadata.finalizers[0]: Invalid value: "a": name is neither'),
        (
            {"ownerReferences": [OWNER | {"uid": ""}]},
            'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
        ),
        (
            {"ownerReferences": [OWNER, OWNER | {"uid": "v"}]},
            "metadata.ownerReferences: Invalid value:",
        ),
    ],
)
def test_broken_metadata_is_told_what_is_wrong(complaints: Complaints, metadata: Object, said: str) -> None:
    [complaint] = complaints(config(**metadata))
    assert complaint.startswith(said)


def test_metadata_in_order_is_accepted(complaints: Complaints) -> None:
    item = config(
        labels={"app.kubernetes.io/name": "a", "empty": ""},
        annotations={"Example.com/Key": "any text\n"},
        finalizers=["example.com/done"],
        ownerReferences=[OWNER],
    )
    assert complaints(item) == []
