"""Server-side tables (``meta.k8s.io/v1``): what kubectl prints without knowing the kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from alcove.embedded.discovery.columns import columns_of
from alcove.embedded.objects import Object, ResourceType, metadata

_TERMINAL_PHASES = {"Succeeded", "Failed"}


def render_table(
    resource_type: ResourceType,
    items: Iterable[Object],
    *,
    now: float,
    include: str = "Metadata",
    list_metadata: Object | None = None,
) -> Object:
    """Give the table of some objects of one type.

    ``now`` is in seconds since the epoch, for ages. ``include`` is the request's ``includeObject``: what each
    row carries of its object, ``Metadata``, ``Object`` or ``None``. ``list_metadata`` is the list's
    (``resourceVersion``, ``continue``...), or the object's for a single one.
    """
    columns = columns_of(resource_type)
    rows = []
    for item in items:
        row: Object = {"cells": [column.cell(item, now) for column in columns]}
        if resource_type.kind == "Pod" and (conditions := _pod_conditions(item)):
            row["conditions"] = conditions
        if include != "None":
            row["object"] = item if include == "Object" else partial_metadata(item)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata or {},
        "columnDefinitions": [column.definition() for column in columns],
        "rows": rows,
    }


def partial_metadata(item: Object) -> Object:
    """Give the PartialObjectMetadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata(item)}


def _pod_conditions(pod: Object) -> list[Any]:
    phase = (pod.get("status") or {}).get("phase")
    if phase not in _TERMINAL_PHASES:
        return []
    end = "completed successfully" if phase == "Succeeded" else "failed"
    return [{"type": "Completed", "status": "True", "reason": phase, "message": f"The pod has {end}."}]
