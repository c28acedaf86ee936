"""Objects that are in order, to be broken by tests."""

from __future__ import annotations

from typing import Any

from alcove.embedded.faults import Cause
from alcove.embedded.objects import Object, ResourceType
from alcove.embedded.schema import Catalog


def type_of(catalog: Catalog, item: Object) -> ResourceType:
    group, _, version = item["apiVersion"].rpartition("/")
    found = catalog.for_kind(group, version, item["kind"])
    assert found is not None
    return found


def told(causes: list[Cause]) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in causes]


def pod(**spec: Any) -> Object:
    container = {"name": "app", "image": "app:1"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"containers": [container], **spec},
    }


def pod_with(**container: Any) -> Object:
    return pod(containers=[{"name": "app", "image": "app:1", **container}])


def workload(kind: str = "Deployment", **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            },
            **({"serviceName": "web"} if kind == "StatefulSet" else {}),
            **spec,
        },
    }


def service(**spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"ports": [{"port": 80}], **spec},
    }


def thing(kind: str, api_version: str = "v1", **fields: Any) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "web", "namespace": "default"},
        **fields,
    }


def crd(schema: Object | None = None, **version: Any) -> Object:
    root = schema or {"type": "object", "properties": {"spec": {"type": "object"}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "boats", "singular": "boat", "kind": "Boat", "listKind": "BoatList"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": root},
                    **version,
                }
            ],
        },
    }


def boat(**fields: Any) -> Object:
    return {"apiVersion": "example.com/v1", "kind": "Boat", "metadata": {"name": "b"}, **fields}


def at(item: Any, path: str) -> Any:
    """Give the value at a path of plain names, None when it is not there."""
    for name in path.split("."):
        item = item.get(name) if isinstance(item, dict) else None
    return item
