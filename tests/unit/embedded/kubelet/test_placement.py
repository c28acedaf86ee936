"""Whether a pod finds a place."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.embedded.kubelet.readers import FakeReader
from tests.unit.embedded.kubelet.worlds import container, pod

from alcove.embedded.kubelet.placement import refusal, requests_of
from alcove.embedded.objects import Object

NOT_HELPFUL = " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."


def node(**spec: Any) -> Object:
    return {
        "metadata": {"name": "node-1", "labels": {"disk": "ssd", "size": "5"}},
        "spec": spec,
        "status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "2"}},
    }


def affinity(**term: Any) -> Object:
    required = {"nodeSelectorTerms": [term]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def expression(key: str, operator: str, *values: str) -> Object:
    return affinity(matchExpressions=[{"key": key, "operator": operator, "values": list(values)}])


def asking(**requests: str) -> Object:
    return container(resources={"requests": requests})


TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"nodeSelector": {"disk": "ssd"}},
        {"affinity": expression("disk", "In", "ssd", "hdd")},
        {"affinity": expression("disk", "NotIn", "hdd")},
        {"affinity": expression("disk", "Exists")},
        {"affinity": expression("gpu", "DoesNotExist")},
        {"affinity": expression("size", "Gt", "4")},
        {
            "affinity": affinity(
                matchFields=[{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]
            )
        },
    ],
)
def test_pods_that_fit(spec: dict[str, Any]) -> None:
    assert refusal(pod(**spec), node(), [], FakeReader()) is None


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"disk": "hdd"}},
        {"affinity": expression("disk", "NotIn", "ssd")},
        {"affinity": expression("size", "Lt", "5")},
        {"affinity": expression("disk", "Gt", "5")},
        {"affinity": affinity()},
    ],
)
def test_pods_that_want_another_node(spec: dict[str, Any]) -> None:
    told = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector." + NOT_HELPFUL
    assert refusal(pod(**spec), node(), [], FakeReader()) == told


@pytest.mark.parametrize(
    ("tolerations", "fits"),
    [
        ([], False),
        ([{"operator": "Exists"}], True),
        ([{"key": "k", "operator": "Exists"}], True),
        ([{"key": "k", "value": "v"}], True),
        ([{"key": "k", "value": "other"}], False),
        ([{"key": "k", "operator": "Exists", "effect": "NoExecute"}], False),
    ],
)
def test_taints_keep_pods_away(tolerations: list[Object], fits: bool) -> None:
    found = refusal(pod(tolerations=tolerations), node(taints=[TAINT]), [], FakeReader())
    assert (found is None) is fits


def test_a_cordoned_node_takes_no_pods() -> None:
    found = refusal(pod(), node(unschedulable=True), [], FakeReader())
    assert found is not None
    assert "1 node(s) were unschedulable." in found


@pytest.mark.parametrize(
    ("containers", "used", "told"),
    [
        ([asking(cpu="2")], [], ""),
        ([asking(cpu="2"), asking(cpu="1m")], [], "1 Insufficient cpu."),
        ([asking(cpu="3", memory="2Gi")], [], "1 Insufficient cpu, 1 Insufficient memory."),
        ([asking(cpu="1")], [pod(asking(cpu="1500m"))], "1 Insufficient cpu."),
        ([container()], [pod(), pod()], "1 Too many pods."),
        ([asking(**{"example.com/gpu": "1"})], [], "1 Insufficient example.com/gpu."),
    ],
)
def test_what_the_node_has_is_shared(containers: list[Object], used: list[Object], told: str) -> None:
    found = refusal(pod(*containers), node(), [requests_of(item) for item in used], FakeReader())
    assert (told in (found or "")) if told else found is None


def test_init_containers_count_by_the_greediest_and_sidecars_in_full() -> None:
    inits = [asking(cpu="3"), {**asking(cpu="1"), "restartPolicy": "Always"}]
    assert requests_of(pod(asking(cpu="1"), initContainers=inits))["cpu"] == 3
    inits[0] = asking(cpu="1")
    assert requests_of(pod(asking(cpu="1"), initContainers=inits))["cpu"] == 2


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({}, 'persistentvolumeclaim "c" not found'),
        ({"spec": {}}, "pod has unbound immediate PersistentVolumeClaims"),
        ({"spec": {"volumeName": "pv"}}, ""),
    ],
)
def test_claims_are_waited_for(claims: Object, told: str) -> None:
    item = pod(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}])
    objects = {("persistentvolumeclaims", "default", "c"): claims} if claims else {}
    found = refusal(item, node(), [], FakeReader(objects))
    assert (told in (found or "")) if told else found is None
