"""A schema like those of Kubernetes, over plain dicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

_STRING = {"type": "string"}
_STRINGS = {"type": "object", "additionalProperties": _STRING}
_PORT = {
    "type": "object",
    "properties": {
        "name": _STRING,
        "containerPort": {"type": "integer"},
        "protocol": {"type": "string", "default": "TCP"},
    },
}
_CONTAINER = {
    "type": "object",
    "properties": {
        "name": _STRING,
        "image": _STRING,
        "args": {"type": "array", "items": _STRING},
        "env": {
            "type": "array",
            "list_type": "map",
            "keys": ("name",),
            "strategies": {"merge"},
            "merge_key": "name",
            "items": {"type": "object", "properties": {"name": _STRING, "value": _STRING}},
        },
        "ports": {
            "type": "array",
            "list_type": "map",
            "keys": ("containerPort", "protocol"),
            "strategies": {"merge"},
            "merge_key": "containerPort",
            "items": _PORT,
        },
    },
}
_SPEC = {
    "type": "object",
    "properties": {
        "replicas": {"type": "integer"},
        "selector": {**_STRINGS, "map_type": "atomic"},
        "strategy": {
            "type": "object",
            "strategies": {"retainKeys"},
            "properties": {
                "type": _STRING,
                "rollingUpdate": {"type": "object", "properties": {"max": _STRING}},
            },
        },
        "affinity": {"type": "object", "strategies": {"replace"}, "additionalProperties": _STRING},
        "tolerations": {"type": "array", "items": {"type": "object"}},
        "containers": {
            "type": "array",
            "list_type": "map",
            "keys": ("name",),
            "strategies": {"merge"},
            "merge_key": "name",
            "items": _CONTAINER,
        },
    },
}
_METADATA = {
    "type": "object",
    "properties": {
        "name": _STRING,
        "namespace": _STRING,
        "labels": _STRINGS,
        "annotations": _STRINGS,
        "finalizers": {"type": "array", "list_type": "set", "strategies": {"merge"}, "items": _STRING},
    },
}
_OBJECT = {
    "type": "object",
    "properties": {
        "metadata": _METADATA,
        "spec": _SPEC,
        "data": _STRINGS,
        "status": {"type": "object", "properties": {"phase": _STRING}},
    },
}


@dataclass(frozen=True)
class FakeNode:
    source: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.source.get("type", ""))

    @property
    def list_type(self) -> str:
        return str(self.source.get("list_type", "atomic"))

    @property
    def list_map_keys(self) -> tuple[str, ...]:
        return tuple(self.source.get("keys", ()))

    @property
    def map_type(self) -> str:
        return str(self.source.get("map_type", "granular"))

    @property
    def patch_strategies(self) -> frozenset[str]:
        return frozenset(self.source.get("strategies", ()))

    @property
    def patch_merge_key(self) -> str:
        return str(self.source.get("merge_key", ""))

    def field(self, name: str) -> FakeNode | None:
        source = self.source.get("properties", {}).get(name) or self.source.get("additionalProperties")
        return FakeNode(source) if source else None

    def items(self) -> FakeNode | None:
        source = self.source.get("items")
        return FakeNode(source) if source else None

    def default_of(self, name: str) -> Any:
        return self.source.get("properties", {}).get(name, {}).get("default")


@pytest.fixture(scope="session")
def schema() -> FakeNode:
    return FakeNode(_OBJECT)
