"""Autoscalers: metrics have become ``{metric, target}``, and the target is named by a current version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alcove.charts.reading import each, mapping, text

_RETIRED_TARGETS = {"extensions/v1beta1", "apps/v1beta1", "apps/v1beta2"}


def current_target(item: dict[str, Any]) -> dict[str, Any]:
    """Name the Deployment or StatefulSet that an autoscaler of any version scales by ``apps/v1``."""
    spec = item.get("spec")
    if item.get("kind") != "HorizontalPodAutoscaler" or not isinstance(spec, dict):
        return item
    target = spec.get("scaleTargetRef")
    if not isinstance(target, dict) or target.get("apiVersion") not in _RETIRED_TARGETS:
        return item
    return {**item, "spec": {**spec, "scaleTargetRef": {**target, "apiVersion": "apps/v1"}}}


def from_v2beta1(item: dict[str, Any]) -> dict[str, Any]:
    """Convert an autoscaler of ``autoscaling/v2beta1``."""
    spec = dict(mapping(item.get("spec")))
    if "metrics" in spec:
        spec["metrics"] = each(spec["metrics"], _metric)
    return {**item, "spec": spec}


def _metric(metric: dict[str, Any]) -> dict[str, Any]:
    kind = text(metric.get("type"))
    field = kind[:1].lower() + kind[1:]
    source = metric.get(field)
    change = _CHANGES.get(kind)
    if change is None or not isinstance(source, dict):
        return metric
    return {**metric, field: change(source)}


def _resource(source: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {key: source[key] for key in ("name", "container") if key in source}
    return kept | {"target": _target(source)}


def _pods(source: dict[str, Any]) -> dict[str, Any]:
    return {"metric": _identity(source, "selector"), "target": _target(source)}


def _object(source: dict[str, Any]) -> dict[str, Any]:
    described = mapping(source.get("target"))
    values = {key: value for key, value in source.items() if key != "target"}
    return {"describedObject": described, "metric": _identity(source, "selector"), "target": _target(values)}


def _external(source: dict[str, Any]) -> dict[str, Any]:
    return {"metric": _identity(source, "metricSelector"), "target": _target(source)}


def _identity(source: dict[str, Any], selector: str) -> dict[str, Any]:
    selecting = {"selector": source[selector]} if source.get(selector) else {}
    return {"name": source.get("metricName", ""), **selecting}


def _target(source: dict[str, Any]) -> dict[str, Any]:
    if "targetAverageUtilization" in source:
        return {"type": "Utilization", "averageUtilization": source["targetAverageUtilization"]}
    for old in ("targetAverageValue", "averageValue"):
        if source.get(old):
            return {"type": "AverageValue", "averageValue": source[old]}
    return {"type": "Value", "value": source.get("targetValue", 0)}


_CHANGES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "Resource": _resource,
    "ContainerResource": _resource,
    "Pods": _pods,
    "Object": _object,
    "External": _external,
}
