from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.embedded.schema.samples import thing, workload

from alcove.embedded.objects import Object

Complaints = Callable[..., list[str]]
REQUEST = {"requests": {"storage": "1Gi"}}
TEMPLATE = {"metadata": {"name": "d"}, "spec": {"resources": REQUEST}}
BASE = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}


def claim(**spec: Any) -> Object:
    whole = {"accessModes": ["ReadWriteOnce"], "resources": REQUEST, **spec}
    return thing("PersistentVolumeClaim", spec=whole)


def volume(**spec: Any) -> Object:
    return thing("PersistentVolume", spec={**BASE, **spec})


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (claim(accessModes=["Foo"]), "spec.accessModes"),
        (claim(accessModes=["ReadWriteOncePod", "ReadWriteOnce"]), "spec.accessModes"),
        (claim(resources={}), "spec.resources[storage]"),
        (claim(resources={"requests": {"storage": "0"}}), "spec.resources[storage]"),
        (claim(volumeMode="Foo"), "spec.volumeMode"),
        (claim(storageClassName="A_"), "spec.storageClassName"),
        (volume(), "spec"),
        (volume(hostPath={"path": "/a"}, nfs={"server": "a", "path": "/"}), "spec.nfs"),
        (volume(local={"path": "/a"}), "spec.nodeAffinity"),
        (
            volume(hostPath={"path": "/a"}, persistentVolumeReclaimPolicy="Foo"),
            "spec.persistentVolumeReclaimPolicy",
        ),
        (
            thing("StorageClass", "storage.k8s.io/v1", provisioner="a/b", volumeBindingMode="Foo"),
            "volumeBindingMode",
        ),
        (
            workload(
                "StatefulSet",
                volumeClaimTemplates=[TEMPLATE],
            ),
            "spec.volumeClaimTemplates[0].spec.accessModes",
        ),
    ],
)
def test_a_broken_object_is_told_where(complaints: Complaints, item: Object, field: str) -> None:
    [complaint] = complaints(item)
    assert complaint.startswith(f"{field}: ")


def test_objects_in_order_are_accepted(complaints: Complaints) -> None:
    assert complaints(claim(storageClassName="")) == []
    assert complaints(volume(hostPath={"path": "/a"})) == []
