from __future__ import annotations

import pytest
from tests.unit.embedded.schema.samples import boat, crd, pod, type_of, workload

from alcove.embedded.schema import Catalog
from alcove.embedded.schema.nodes import Node


def at(node: Node, path: str) -> Node:
    for name in path.split("."):
        child = node.items() if name == "[]" else node.field(name)
        assert child is not None, name
        node = child
    return node


@pytest.mark.parametrize(
    ("path", "list_type", "keys", "merge_key", "strategies"),
    [
        ("spec.containers", "map", ("name",), "name", {"merge"}),
        ("spec.containers.[].ports", "map", ("containerPort", "protocol"), "containerPort", {"merge"}),
        ("spec.containers.[].command", "atomic", (), "", set()),
        ("spec.volumes", "map", ("name",), "name", {"merge", "retainKeys"}),
        ("metadata.ownerReferences", "map", ("uid",), "uid", {"merge"}),
        ("metadata.finalizers", "set", (), "", {"merge"}),
        ("metadata.managedFields", "atomic", (), "", set()),
    ],
)
def test_lists_of_pods_merge_as_kubernetes_merges_them(
    builtin: Catalog, path: str, list_type: str, keys: tuple[str, ...], merge_key: str, strategies: set[str]
) -> None:
    node = at(builtin.schema(type_of(builtin, pod())), path)
    assert (node.list_type, node.list_map_keys) == (list_type, keys)
    assert node.patch_merge_key == merge_key
    assert set(node.patch_strategies) == strategies


def test_defaults_that_are_merge_keys_are_known(builtin: Catalog) -> None:
    root = builtin.schema(type_of(builtin, pod()))
    assert at(root, "spec.containers.[].ports.[]").default_of("protocol") == "TCP"


def test_selectors_are_atomic_and_labels_are_not(builtin: Catalog) -> None:
    root = builtin.schema(type_of(builtin, workload()))
    assert at(root, "spec.selector").map_type == "atomic"
    assert at(root, "metadata.labels").map_type == "granular"


def test_entries_of_maps_share_one_node(builtin: Catalog) -> None:
    labels = at(builtin.schema(type_of(builtin, pod())), "metadata.labels")
    assert labels.field("a") is labels.field("b")
    assert at(labels, "a").type == "string"


def test_a_field_that_is_not_there_has_no_node(builtin: Catalog) -> None:
    assert builtin.schema(type_of(builtin, pod())).field("specs") is None


def test_recursive_definitions_lead_back_to_themselves(builtin: Catalog) -> None:
    root = builtin.schema(type_of(builtin, crd()))
    schema = at(root, "spec.versions.[].schema.openAPIV3Schema")
    assert at(schema, "properties.a.properties.b") is at(schema, "properties.c")


def test_fields_kept_without_schema_allow_anything(catalog: Catalog) -> None:
    catalog.install_crd(crd({"type": "object", "x-kubernetes-preserve-unknown-fields": True}))
    root = catalog.schema(type_of(catalog, boat()))
    assert at(root, "whatever.deep.[].more").type == ""
    assert at(root, "metadata.finalizers").list_type == "set"
