"""A registry on a store in a temporary directory, with a clock that tests move and admission they choose."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from alcove.embedded.objects import GroupResource, Object, ResourceType
from alcove.embedded.ports import (
    AdmissionRequest,
    DeleteOptions,
    ListOptions,
    ListResult,
    UserInfo,
    WriteOptions,
    WriteResult,
)
from alcove.embedded.registry import InProcessApi, ObjectRegistry
from alcove.embedded.schema import Catalog
from alcove.embedded.storage import ObjectStore

OPTIONS = WriteOptions(UserInfo("tester"), field_manager="tests")
DRY_RUN = WriteOptions(UserInfo("tester"), field_manager="tests", dry_run=True)
NOON = 1_700_000_000.0

WIDGET_CRD: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [
            {
                "name": name,
                "served": True,
                "storage": name == "v1",
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {"size": {"type": "integer"}, "color": {"type": "string"}},
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
                "subresources": {
                    "status": {},
                    "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"},
                },
            }
            for name in ("v1", "v1beta1")
        ],
    },
}


@dataclass
class ChosenAdmission:
    """Admission that does what a test says; it lets everything pass by default."""

    change: Callable[[AdmissionRequest], Any] = lambda request: request.object
    check: Callable[[AdmissionRequest], Any] = lambda request: None
    seen: list[AdmissionRequest] = field(default_factory=list)

    async def mutate(self, request: AdmissionRequest) -> Object | None:
        self.seen.append(request)
        found: Object | None = self.change(request)
        return found

    async def validate(self, request: AdmissionRequest) -> None:
        outcome = self.check(request)
        if outcome is not None:
            await outcome


class Cluster:
    """The registry and short ways to use it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.time = NOON
        self.admission = ChosenAdmission()
        self._uids = itertools.count(1)
        self.busy_ports: set[int] = set()
        """Where others listen on the machine."""
        self.open()

    def open(self) -> None:
        self.store = ObjectStore.open(self.path, clock=lambda: self.time)
        self.catalog = Catalog.load()
        self.registry = ObjectRegistry(
            self.store,
            self.catalog,
            self.admission,
            self.catalog,
            clock=lambda: self.time,
            new_uid=lambda: f"uid-{next(self._uids)}",
            is_free=lambda port: port not in self.busy_ports,
        )
        self.api = InProcessApi(self.store, self.catalog, self.registry, component="tests")

    def reopen(self) -> None:
        self.store.close()
        self.open()

    def type(self, resource: str, version: str = "") -> ResourceType:
        if version:
            plural, _, group = resource.partition(".")
            found = self.catalog.find(group, version, plural)
        else:
            found = self.catalog.preferred(GroupResource(resource))
        assert found is not None, resource
        return found

    async def create(
        self,
        resource: str,
        item: Object,
        *,
        namespace: str = "default",
        options: WriteOptions = OPTIONS,
        **more: str,
    ) -> WriteResult:
        kind = self.type(resource)
        return await self.registry.create(kind, namespace if kind.namespaced else "", item, options, **more)

    async def make(self, resource: str, name: str, *, namespace: str = "default", **fields: Any) -> Object:
        item = {"metadata": {"name": name}} | fields
        return (await self.create(resource, item, namespace=namespace)).object

    async def update(
        self, resource: str, item: Object, *, subresource: str = "", options: WriteOptions = OPTIONS
    ) -> WriteResult:
        kind, inner = self.type(resource), item["metadata"]
        return await self.registry.update(
            kind, inner.get("namespace", ""), inner["name"], item, options, subresource=subresource
        )

    async def patch(
        self,
        resource: str,
        name: str,
        patch: Any,
        *,
        form: str = "merge-patch+json",
        subresource: str = "",
        options: WriteOptions = OPTIONS,
    ) -> WriteResult:
        kind = self.type(resource)
        namespace = "default" if kind.namespaced else ""
        body = patch if isinstance(patch, bytes) else msgspec.json.encode(patch)
        return await self.registry.patch(
            kind, namespace, name, f"application/{form}", body, options, subresource=subresource
        )

    async def delete(
        self,
        resource: str,
        name: str,
        delete: DeleteOptions | None = None,
        *,
        namespace: str = "default",
        options: WriteOptions = OPTIONS,
    ) -> WriteResult:
        kind = self.type(resource)
        place = namespace if kind.namespaced else ""
        return await self.registry.delete(kind, place, name, delete or DeleteOptions(), options)

    def get(self, resource: str, name: str, *, namespace: str = "default", subresource: str = "") -> Object:
        kind = self.type(resource)
        place = namespace if kind.namespaced else ""
        return self.registry.get(kind, place, name, subresource=subresource)

    def has(self, resource: str, name: str, *, namespace: str = "default") -> bool:
        kind = self.type(resource)
        return self.api.get(kind.resource, namespace if kind.namespaced else "", name) is not None

    def list(self, resource: str, namespace: str | None = "default", **options: Any) -> ListResult:
        return self.registry.list(self.type(resource), namespace, ListOptions(**options))


def names(result: ListResult) -> list[str]:
    return [stored.key.name for stored in result.items]


def pod_spec(**fields: object) -> Object:
    return {"containers": [{"name": "main", "image": "app"}]} | fields


def deployment_spec(replicas: int = 1) -> Object:
    return {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod_spec()},
    }
