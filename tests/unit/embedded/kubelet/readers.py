"""A ClusterReader over objects given by the test."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from alcove.embedded.objects import GroupResource, Object


class FakeReader:
    """Gives the objects of a dict by (resource, namespace, name)."""

    def __init__(self, objects: dict[tuple[str, str, str], Object] | None = None) -> None:
        self.objects = objects or {}

    def get(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        return self.objects.get((resource, namespace, name))

    def list(self, resource: GroupResource, namespace: str | None = None) -> Sequence[Object]:
        return [
            item
            for (kind, space, _), item in sorted(self.objects.items())
            if kind == resource and namespace in (None, space)
        ]


def config_map(name: str, **entries: str) -> dict[tuple[str, str, str], Object]:
    return {("configmaps", "default", name): {"metadata": {"name": name}, "data": entries}}


def secret(name: str, **entries: str) -> dict[tuple[str, str, str], Object]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in entries.items()}
    return {("secrets", "default", name): {"metadata": {"name": name}, "data": encoded}}
