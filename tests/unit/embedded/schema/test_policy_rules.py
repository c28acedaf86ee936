from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.embedded.schema.samples import thing

from alcove.embedded.objects import Object

Complaints = Callable[..., list[str]]
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}


def autoscaler(**spec: Any) -> Object:
    whole = {"scaleTargetRef": TARGET, "maxReplicas": 3, **spec}
    return thing("HorizontalPodAutoscaler", "autoscaling/v2", spec=whole)


def budget(**spec: Any) -> Object:
    return thing("PodDisruptionBudget", "policy/v1", spec=spec)


def quota(**hard: Any) -> Object:
    return thing("ResourceQuota", spec={"hard": hard})


def priority(name: str, value: int) -> Object:
    item = thing("PriorityClass", "scheduling.k8s.io/v1", value=value)
    return item | {"metadata": {"name": name}}


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (autoscaler(minReplicas=5), "spec.maxReplicas"),
        (autoscaler(scaleTargetRef={"kind": "D", "name": "d"}), "spec.scaleTargetRef.apiVersion"),
        (autoscaler(metrics=[{"type": "Foo"}]), "spec.metrics[0].type"),
        (autoscaler(metrics=[{"type": "Resource"}]), "spec.metrics[0].resource"),
        (
            autoscaler(behavior={"scaleUp": {"stabilizationWindowSeconds": -1}}),
            "spec.behavior.scaleUp.stabilizationWindowSeconds",
        ),
        (budget(minAvailable=1, maxUnavailable=1), "spec"),
        (budget(minAvailable="x%"), "spec.minAvailable"),
        (budget(maxUnavailable="200%"), "spec.maxUnavailable"),
        (quota(foo="1"), "spec.hard[foo]"),
        (quota(pods="-1"), "spec.hard[pods]"),
        (quota(pods="1500m"), "spec.hard[pods]"),
        (thing("LimitRange", spec={"limits": [{"type": "Foo"}]}), "spec.limits[0].type"),
        (
            thing("LimitRange", spec={"limits": [{"type": "Pod", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]}),
            "spec.limits[0].min[cpu]",
        ),
        (priority("system-x", 1), "metadata.name"),
        (priority("x", 2_000_000_000), "value"),
    ],
)
def test_a_broken_object_is_told_where(complaints: Complaints, item: Object, field: str) -> None:
    [complaint] = complaints(item)
    assert complaint.startswith(f"{field}: ")


@pytest.mark.parametrize(
    "item",
    [
        autoscaler(),
        autoscaler(behavior={"scaleDown": {"stabilizationWindowSeconds": 60}}),
        budget(minAvailable="50%"),
        budget(),
        quota(**{"requests.cpu": "1", "count/jobs.batch": "5", "pods": "2"}),
        priority("system-node-critical", 2_000_001_000),
    ],
)
def test_an_object_in_order_is_accepted(complaints: Complaints, item: Object) -> None:
    assert complaints(item) == []
