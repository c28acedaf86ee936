"""Workloads of old API versions: what selects their pods has become required, and cannot be changed later."""

from __future__ import annotations

from typing import Any

from alcove.charts.reading import mapping, metadata, name_of

_PASSING = {
    "chart",
    "heritage",
    "version",
    "buildID",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
}
"""Labels that change from one revision to the next: a selector with one could never be upgraded."""


def deployment(item: dict[str, Any]) -> dict[str, Any]:
    """Convert a Deployment: ``rollbackTo`` was a command, not a state."""
    return _selected(item, dropped="rollbackTo")


def daemon_set(item: dict[str, Any]) -> dict[str, Any]:
    """Convert a DaemonSet: the server counts its generations."""
    return _selected(item, dropped="templateGeneration")


def replica_set(item: dict[str, Any]) -> dict[str, Any]:
    """Convert a ReplicaSet."""
    return _selected(item)


def stateful_set(item: dict[str, Any]) -> dict[str, Any]:
    """Convert a StatefulSet: the name of its Service has become required, though it need not be one."""
    selected = _selected(item)
    if "serviceName" in selected["spec"]:
        return selected
    return {**selected, "spec": {**selected["spec"], "serviceName": name_of(item)}}


def _selected(item: dict[str, Any], *, dropped: str = "") -> dict[str, Any]:
    """Select by the pods' labels where nothing selects, as the old versions did."""
    spec = {key: value for key, value in mapping(item.get("spec")).items() if key != dropped}
    selector = mapping(spec.get("selector"))
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        labels = mapping(metadata(mapping(spec.get("template"))).get("labels"))
        lasting = {key: value for key, value in labels.items() if key not in _PASSING}
        spec["selector"] = {"matchLabels": lasting or dict(labels)}
    return {**item, "spec": spec}
