"""Clusters to install into: nodes, rights, Deployments that get ready, and pods of spaces."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from tests.unit.app.spaces.worlds import BoundedClient

from alcove import __version__
from alcove.aio import open_background
from alcove.app.install import kinds
from alcove.app.install.access import Right
from alcove.app.install.hubs import CLAIMS
from alcove.app.install.inspecting import LIMIT_RANGES
from alcove.app.install.usecases import Installer
from alcove.app.observation.fetching import SERVICE_CIDRS
from alcove.app.spaces.usecases import Place, SpaceUseCases
from alcove.config.selection import SelectionStore
from alcove.kube import resources
from alcove.kube.client import Object
from alcove.kube.fake import FakeKubeClient
from alcove.kube.resources import Resource
from alcove.sessions.objects import SESSIONS

REVIEWS = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
PLACE = Place("ctx", "https://cluster", "default")


class InstallClient(BoundedClient):
    """A cluster that answers what its user may: all but ``lacks``, by verb and resource."""

    def __init__(self) -> None:
        super().__init__()
        known = {str(one) for one in self.kinds}
        more = (*kinds.KINDS, REVIEWS, LIMIT_RANGES, SERVICE_CIDRS, CLAIMS, SESSIONS)
        self.kinds += [one for one in more if str(one) not in known]
        self.lacks: set[tuple[str, str]] = set()
        self.asked: list[Right] = []
        self.written: list[str] = []

    async def create(self, resource: Resource, item: Object, *, dry_run: bool = False) -> Object:
        if resource == REVIEWS:
            right = Right(**{"group": "", **item["spec"]["resourceAttributes"]})
            self.asked.append(right)
            allowed = not self.lacks if right.verb == "*" else (right.verb, right.resource) not in self.lacks
            return {**item, "status": {"allowed": allowed}}
        return await super().create(resource, item, dry_run=dry_run)

    async def patch(self, resource: Resource, name: str, patch: object, **options: object) -> Object:
        self.written.append(f"{resource.kind} {name}")
        return await super().patch(resource, name, patch, **options)


def node(name: str, *, system: str = "linux", version: str = "v1.36.0", arch: str = "amd64") -> Object:
    facts = {"operatingSystem": system, "kubeletVersion": version, "architecture": arch}
    return {"metadata": {"name": name}, "status": {"nodeInfo": facts}}


def installer_of(client: FakeKubeClient, directory: Path) -> Installer:
    spaces = SpaceUseCases(client, SelectionStore(directory), PLACE)
    return Installer(client, spaces, PLACE)


def complete(deployment: Object) -> Object:
    """Give the status of a Deployment that runs as it should."""
    count = deployment["spec"]["replicas"]
    generation = deployment["metadata"]["generation"]
    told = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    return {"observedGeneration": generation} | dict.fromkeys(told, count)


@contextlib.asynccontextmanager
async def controllers(
    client: FakeKubeClient, *, address: dict[str, str] | None = None
) -> AsyncIterator[None]:
    """Have Deployments get ready as soon as they are there, and balanced Services their ``address``."""

    async def keep(resource: Resource) -> None:
        async for kind, item in client.watch(resource):
            if kind == "SYNCED" or kind == "DELETED":
                continue
            status: Object = {}
            if resource == resources.DEPLOYMENTS:
                status = complete(item)
            elif item["spec"].get("type") == "LoadBalancer" and address:
                status = {"loadBalancer": {"ingress": [address]}}
            if status and item.get("status") != status:
                await client.replace(resource, {**item, "status": status}, subresource="status")

    async with open_background(name="controllers") as background:
        for resource in (resources.DEPLOYMENTS, resources.SERVICES):
            background.start(keep(resource), name=str(resource))
        yield


def pod(
    space: str,
    name: str,
    *,
    proxied: bool = True,
    started: bool = True,
    version: str = "",
    **status: Any,
) -> Object:
    """Give a pod of a space; one that is proxied has what marks it."""
    meta: Object = {"name": name, "namespace": space, "labels": {"app": name}}
    meta["creationTimestamp"] = "2030-01-01T00:00:20Z"
    spec: Object = {"containers": [{"name": "app"}]}
    if proxied:
        meta["labels"]["alcove.dev/injected"] = "true"
        meta["annotations"] = {"alcove.dev/injected-version": version or __version__}
        spec["initContainers"] = [{"name": "alcove-init"}, {"name": "alcove-proxy"}]
        status.setdefault("initContainerStatuses", [{"name": "alcove-proxy", "started": started}])
    return {"metadata": meta, "spec": spec, "status": {"phase": "Running", **status}}


def ready() -> list[Object]:
    return [{"type": "Ready", "status": "True"}]


async def create_all(client: FakeKubeClient, resource: Resource, items: Iterable[Object]) -> None:
    for item in items:
        await FakeKubeClient.create(client, resource, item)
