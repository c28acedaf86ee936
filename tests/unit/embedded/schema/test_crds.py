from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.schema.samples import crd

from alcove.embedded.objects import ResourceType
from alcove.embedded.schema import crds


def only_type(**version: Any) -> ResourceType:
    [entry] = crds.types_of(crd(**version))
    return entry.type


def test_a_type_says_what_its_crd_says() -> None:
    found = only_type(subresources={"status": {}, "scale": {"specReplicasPath": ".spec.n"}})
    assert (found.kind, found.plural, found.singular, found.list_kind) == (
        "Boat",
        "boats",
        "boat",
        "BoatList",
    )
    assert (found.namespaced, found.custom, found.storage_version) == (True, True, "v1")
    assert found.subresources == ("scale", "status")
    assert found.extra["scale"] == {"specReplicasPath": ".spec.n"}


def test_versions_that_are_not_served_have_no_type() -> None:
    assert crds.types_of(crd(served=False)) == ()


def test_the_stored_version_need_not_be_the_served_one() -> None:
    definition = crd(storage=False)
    definition["spec"]["versions"].append({"name": "v2", "served": False, "storage": True})
    [entry] = crds.types_of(definition)
    assert (entry.type.version, entry.type.storage_version) == ("v1", "v2")


def test_versions_are_ordered_by_maturity() -> None:
    names = ["foo1", "v1alpha1", "v2", "v1beta2", "v11beta2", "v10", "v1", "foo10", "v1beta1"]
    ordered = sorted(names, key=crds.version_priority)
    assert ordered == ["v10", "v2", "v1", "v11beta2", "v1beta2", "v1beta1", "v1alpha1", "foo1", "foo10"]


@pytest.mark.parametrize("names", [{"shortNames": ["bt"]}, {"categories": ["all"]}])
def test_short_names_and_categories_are_taken_over(names: dict[str, list[str]]) -> None:
    definition = crd()
    definition["spec"]["names"].update(names)
    [entry] = crds.types_of(definition)
    assert [*entry.type.short_names, *entry.type.categories] == next(iter(names.values()))
