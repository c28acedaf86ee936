from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.embedded.schema.samples import crd

from alcove.embedded.objects import Object

Complaints = Callable[..., list[str]]
ROOT = "spec.versions[0].schema.openAPIV3Schema"


def changed(**spec: Any) -> Object:
    item = crd()
    item["spec"].update(spec)
    return item


def field(**schema: Any) -> Object:
    return crd({"type": "object", "properties": {"a": schema}})


@pytest.mark.parametrize(
    "item",
    [
        crd(),
        field(type="array", items={"type": "string"}),
        field(**{"x-kubernetes-int-or-string": True}),
        field(**{"x-kubernetes-preserve-unknown-fields": True}),
        field(type="object", additionalProperties={"type": "string"}),
        field(type="string", pattern=r"^\p{L}+$"),
        field(**{"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "atomic"}),
        crd(
            additionalPrinterColumns=[
                {"name": "A", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
            ]
        ),
        crd(subresources={"scale": {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"}}),
    ],
)
def test_crds_in_order_are_accepted(complaints: Complaints, item: Object) -> None:
    assert complaints(item) == []


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            crd() | {"metadata": {"name": "x.example.com"}},
            'metadata.name: Invalid value: "x.example.com": must be spec.names.plural+"."+spec.group',
        ),
        (changed(scope="Planet"), 'spec.scope: Unsupported value: "Planet"'),
        (crd(storage=False), "spec.versions: Invalid value:"),
        (changed(versions=[{"name": "v1", "served": True, "storage": True}]), f"{ROOT}: Required value"),
        (crd(name="V1"), 'spec.versions[0].name: Invalid value: "V1": a DNS-1035 label'),
        (crd({"type": "string"}), f'{ROOT}.type: Invalid value: "string": must be object at the root'),
        (
            field(),
            f"{ROOT}.properties[a].type: Required value: must not be empty for specified object fields",
        ),
        (field(type="int"), f'{ROOT}.properties[a].type: Unsupported value: "int"'),
        (field(type="array"), f"{ROOT}.properties[a].items: Required value: must be specified"),
        (
            field(type="string", pattern="("),
            f'{ROOT}.properties[a].pattern: Invalid value: "(": must be a valid',
        ),
        (
            field(**{"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}),
            f"{ROOT}.properties[a].x-kubernetes-list-map-keys: Required value",
        ),
        (
            crd(additionalPrinterColumns=[{"name": "A", "type": "text", "jsonPath": ".a"}]),
            'spec.versions[0].additionalPrinterColumns[0].type: Unsupported value: "text"',
        ),
        (
            crd(subresources={"scale": {"specReplicasPath": ".n", "statusReplicasPath": ".status.n"}}),
            'spec.versions[0].subresources.scale.specReplicasPath: Invalid value: ".n"',
        ),
    ],
)
def test_broken_crds_are_told_what_is_wrong(complaints: Complaints, item: Object, said: str) -> None:
    [complaint] = complaints(item)
    assert complaint.startswith(said)


def test_a_crd_keeps_its_kind(complaints: Complaints) -> None:
    new = crd()
    new["spec"]["names"] |= {"kind": "Ship", "listKind": "ShipList"}
    assert complaints(new, crd()) == ['spec.names.kind: Invalid value: "Ship": field is immutable']
