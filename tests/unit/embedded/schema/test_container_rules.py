from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.embedded.schema.samples import pod, pod_with

from alcove.embedded.objects import Object

Complaints = Callable[..., list[str]]
HTTP = {"httpGet": {"path": "/", "port": 80}}
C0 = "spec.containers[0]"


def volume(**source: Any) -> Object:
    return pod(volumes=[{"name": "v", **source}])


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (pod_with(image=" a "), f"{C0}.image"),
        (
            pod_with(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "1001m"}}),
            f"{C0}.resources.requests",
        ),
        (pod_with(resources={"requests": {"a.b/c": "1"}}), f"{C0}.resources.limits"),
        (
            pod_with(ports=[{"containerPort": 1, "hostPort": 5}, {"containerPort": 2, "hostPort": 5}]),
            f"{C0}.ports[1].hostPort",
        ),
        (
            pod_with(
                env=[{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
            ),
            f"{C0}.env[0].valueFrom",
        ),
        (
            pod_with(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.foo"}}}]),
            f"{C0}.env[0].valueFrom.fieldRef.fieldPath",
        ),
        (pod_with(livenessProbe={**HTTP, "periodSeconds": -1}), f"{C0}.livenessProbe.periodSeconds"),
        (pod_with(livenessProbe={**HTTP, "successThreshold": 2}), f"{C0}.livenessProbe.successThreshold"),
        (pod_with(livenessProbe={"httpGet": {"port": "UP"}}), f"{C0}.livenessProbe.httpGet.port"),
        (pod_with(livenessProbe={"exec": {}}), f"{C0}.livenessProbe.exec.command"),
        (
            pod_with(securityContext={"privileged": True, "allowPrivilegeEscalation": False}),
            f"{C0}.securityContext",
        ),
        (
            pod(initContainers=[{"name": "i", "image": "x", "readinessProbe": HTTP}]),
            "spec.initContainers[0].readinessProbe",
        ),
        (volume(hostPath={"path": "/a", "type": "Foo"}), "spec.volumes[0].hostPath.type"),
        (volume(hostPath={"path": "/a/../b"}), "spec.volumes[0].hostPath.path"),
        (volume(secret={"secretName": "s", "defaultMode": 9999}), "spec.volumes[0].secret.defaultMode"),
        (
            volume(configMap={"name": "c", "items": [{"key": "a", "path": "/x"}]}),
            "spec.volumes[0].configMap.items[0].path",
        ),
        (pod(dnsPolicy="None"), "spec.dnsConfig"),
        (pod(nodeSelector={"-": "b"}), "spec.nodeSelector"),
        (pod(tolerations=[{"operator": "Equal"}]), "spec.tolerations[0].operator"),
        (pod(tolerations=[{"key": "a", "operator": "Exists", "value": "x"}]), "spec.tolerations[0].operator"),
        (pod(securityContext={"runAsUser": -1}), "spec.securityContext.runAsUser"),
        (pod(readinessGates=[{"conditionType": "a b"}]), "spec.readinessGates[0].conditionType"),
    ],
)
def test_a_broken_pod_is_told_where(complaints: Complaints, item: Object, field: str) -> None:
    [complaint] = complaints(item)
    assert complaint.startswith(f"{field}: ")


@pytest.mark.parametrize(
    "item",
    [
        pod_with(resources={"limits": {"cpu": "1", "a.b/c": "2"}, "requests": {"cpu": "1000m"}}),
        pod_with(
            ports=[
                {"containerPort": 1, "hostPort": 5},
                {"containerPort": 2, "hostPort": 5, "protocol": "UDP"},
            ]
        ),
        pod_with(readinessProbe={**HTTP, "successThreshold": 2}),
        pod(initContainers=[{"name": "i", "image": "x", "restartPolicy": "Always", "startupProbe": HTTP}]),
        pod(tolerations=[{"operator": "Exists"}]),
        pod(terminationGracePeriodSeconds=-1),
        pod(dnsPolicy="None", dnsConfig={"nameservers": ["1.1.1.1"]}),
    ],
)
def test_a_pod_in_order_is_accepted(complaints: Complaints, item: Object) -> None:
    assert complaints(item) == []
