"""What volumes consist of."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.kubelet.readers import FakeReader, config_map, secret
from tests.unit.embedded.kubelet.worlds import container, pod

from alcove.embedded.kubelet.downward import PodFacts
from alcove.embedded.kubelet.volumes import (
    File,
    MachinePath,
    Payload,
    Scratch,
    VolumeError,
    VolumePlan,
    plan_volume,
    references,
)
from alcove.embedded.objects import Object

FACTS = PodFacts(pod(), "node-1", "10.0.0.1", "", {})


def claim(name: str, **fields: Any) -> dict[tuple[str, str, str], Object]:
    bound = {"spec": {"volumeName": "pv"}, "status": {"phase": "Bound"}, **fields}
    return {("persistentvolumeclaims", "default", name): bound}


def persistent(**source: Any) -> dict[tuple[str, str, str], Object]:
    return {("persistentvolumes", "", "pv"): {"spec": source}}


READER = FakeReader(config_map("map", a="1", b="2") | secret("key", token="s3cret"))


def plan(volume: Object, reader: FakeReader = READER) -> VolumePlan:
    return plan_volume(
        {"name": "v", **volume}, FACTS, reader, lambda audience, seconds: (f"{audience}/{seconds}", 99.0)
    )


def files(volume: Object) -> dict[str, File]:
    planned = plan(volume)
    assert isinstance(planned, Payload)
    return dict(planned.files)


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"emptyDir": {}}, Scratch()),
        ({"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}, Scratch(memory=True, size="1048576")),
        ({"hostPath": {"path": "/x", "type": "File"}}, MachinePath("/x", "File")),
        ({"configMap": {"name": "gone", "optional": True}}, Payload({})),
    ],
)
def test_kinds_of_volumes(volume: Object, expected: VolumePlan) -> None:
    assert plan(volume) == expected


def test_a_config_map_gives_its_entries_or_those_that_are_named() -> None:
    assert files({"configMap": {"name": "map"}}) == {"a": File(b"1"), "b": File(b"2")}
    items = [{"key": "a", "path": "deep/x", "mode": 0o600}]
    named = files({"configMap": {"name": "map", "items": items, "defaultMode": 0o400}})
    assert named == {"deep/x": File(b"1", 0o600)}


def test_a_projected_volume_joins_its_sources() -> None:
    sources = [
        {"serviceAccountToken": {"path": "token", "audience": "me", "expirationSeconds": 600}},
        {"configMap": {"name": "map", "items": [{"key": "a", "path": "a"}]}},
        {"secret": {"name": "key"}},
        {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ]
    planned = plan({"projected": {"sources": sources, "defaultMode": 0o444}})
    assert isinstance(planned, Payload)
    assert planned.refresh_at == 99
    contents = {path: file.content for path, file in planned.files.items()}
    assert contents == {"a": b"1", "name": b"web", "token": b"s3cret"} | {"token": contents["token"]}


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "gone"}}, 'configmap "gone" not found'),
        ({"secret": {"secretName": "gone"}}, 'secret "gone" not found'),
        ({"configMap": {"name": "map", "items": [{"key": "z", "path": "z"}]}}, "non-existent config key: z"),
        ({"configMap": {"name": "map", "items": [{"key": "a", "path": "../z"}]}}, "invalid path"),
        ({"persistentVolumeClaim": {"claimName": "gone"}}, 'persistentvolumeclaim "gone" not found'),
        ({"nfs": {"server": "x"}}, "not supported by the embedded cluster: nfs"),
        ({"projected": {"sources": [{"podCertificate": {}}]}}, "not supported .*: podCertificate"),
    ],
)
def test_what_cannot_be_had_is_told(volume: Object, message: str) -> None:
    with pytest.raises(VolumeError, match=message):
        plan(volume)


def test_a_claim_leads_to_the_machine() -> None:
    volume = {"persistentVolumeClaim": {"claimName": "c", "readOnly": True}}
    reader = FakeReader(claim("c") | persistent(hostPath={"path": "/data"}))
    assert plan(volume, reader) == MachinePath("/data", "DirectoryOrCreate", read_only=True)


def test_an_ephemeral_volume_is_the_claim_of_the_pod() -> None:
    reader = FakeReader(claim("web-v") | persistent(local={"path": "/data"}))
    assert plan({"ephemeral": {}}, reader) == MachinePath("/data")


def test_a_claim_that_is_not_bound_is_waited_for() -> None:
    reader = FakeReader(claim("c", status={"phase": "Pending"}))
    with pytest.raises(VolumeError, match="not bound"):
        plan({"persistentVolumeClaim": {"claimName": "c"}}, reader)


def test_the_objects_a_pod_refers_to_are_known() -> None:
    key = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    volumes = [
        {"name": "a", "configMap": {"name": "c"}},
        {"name": "b", "projected": {"sources": [{"secret": {"name": "p"}}]}},
        {"name": "d", "persistentVolumeClaim": {"claimName": "claim"}},
    ]
    item = pod(container(env=[key], envFrom=[{"configMapRef": {"name": "e"}}]), volumes=volumes)
    assert references(item) == {
        ("configmaps", "c"),
        ("configmaps", "e"),
        ("secrets", "p"),
        ("secrets", "s"),
        ("persistentvolumeclaims", "claim"),
    }
