from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.embedded.schema.samples import pod, pod_with, workload

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object

Complaints = Callable[..., list[str]]
ONE = {"name": "a", "image": "b"}


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (pod(containers=[]), ["spec.containers: Required value"]),
        (pod(containers=[ONE, ONE]), ['spec.containers[1].name: Duplicate value: "a"']),
        (pod(initContainers=[ONE], containers=[ONE]), ['spec.initContainers[0].name: Duplicate value: "a"']),
        (pod(containers=[{"name": "a"}]), ["spec.containers[0].image: Required value"]),
        (pod(containers=[{"image": "a", "name": ""}]), ["spec.containers[0].name: Required value"]),
        (
            pod_with(ports=[{"containerPort": 70000}]),
            [
                (
                    "spec.containers[0].ports[0].containerPort: Invalid value: 70000: "
                    "must be between 1 and 65535, inclusive"
                )
            ],
        ),
        (
            pod(restartPolicy="Sometimes"),
            [
                (
                    'spec.restartPolicy: Unsupported value: "Sometimes": '
                    'supported values: "Always", "OnFailure", "Never"'
                )
            ],
        ),
        (
            pod_with(volumeMounts=[{"name": "v", "mountPath": "/v"}]),
            ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
        ),
        (
            pod(volumes=[{"name": "v"}, {"name": "v"}]),
            ['spec.volumes[1].name: Duplicate value: "v"'],
        ),
        (
            pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]),
            ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
        ),
        (pod_with(env=[{"name": ""}]), ["spec.containers[0].env[0].name: Required value"]),
        (
            pod_with(livenessProbe={}),
            ["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
        ),
        (
            pod_with(readinessProbe={"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}),
            [
                (
                    "spec.containers[0].readinessProbe.tcpSocket: Forbidden: "
                    "may not specify more than 1 handler type"
                )
            ],
        ),
    ],
)
def test_broken_pods_are_told_what_is_wrong(complaints: Complaints, item: Object, said: list[str]) -> None:
    assert complaints(item) == said


@pytest.mark.parametrize("amount", ["1", "500m", "1.5", ".5", "2Gi", "1e3", 1, 0.5])
def test_amounts_are_accepted(complaints: Complaints, amount: Any) -> None:
    assert complaints(pod_with(resources={"limits": {"cpu": amount}})) == []


@pytest.mark.parametrize("amount", ["", "one", "1 Gi", "1GB", True])
def test_what_is_no_amount_cannot_be_read(complaints: Complaints, amount: object) -> None:
    with pytest.raises(ApiError) as raised:
        complaints(pod_with(resources={"requests": {"cpu": amount}}))
    assert raised.value.code == 400


def test_a_negative_amount_is_refused(complaints: Complaints) -> None:
    [complaint] = complaints(pod_with(resources={"requests": {"cpu": "-1"}}))
    assert complaint.startswith("spec.containers[0].resources.requests[cpu]: Invalid value")


def test_templates_are_judged_as_pods_are(complaints: Complaints) -> None:
    item = workload()
    item["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
    path = "spec.template.spec.containers[0].volumeMounts[0].name"
    assert complaints(item) == [f'{path}: Not found: "v"']


def test_claims_of_a_stateful_set_are_volumes_of_its_pods(complaints: Complaints) -> None:
    claim = {
        "metadata": {"name": "v"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    item = workload("StatefulSet", volumeClaimTemplates=[claim])
    item["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
    assert complaints(item) == []


@pytest.mark.parametrize(
    "new",
    [
        pod_with(image="app:2"),
        pod(nodeName="node"),
        pod(activeDeadlineSeconds=5),
        pod(tolerations=[{"key": "a", "operator": "Exists"}]),
    ],
)
def test_little_of_a_pod_may_change(complaints: Complaints, new: Object) -> None:
    assert complaints(new, pod()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (pod(), pod_with(command=["x"])),
        (pod(nodeName="a"), pod(nodeName="b")),
        (pod(), pod(containers=[ONE])),
        (pod(), pod(hostNetwork=True)),
    ],
)
def test_the_rest_of_a_pod_stays(complaints: Complaints, old: Object, new: Object) -> None:
    [complaint] = complaints(new, old)
    assert complaint.startswith("spec: Forbidden: pod updates may not change fields other than")
