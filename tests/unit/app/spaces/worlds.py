"""Namespaces to plan for, and clusters whose user may not see everything."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from alcove.app.spaces.creation import CreationRequest
from alcove.app.spaces.observing import DAEMON_SETS, ROLE_BINDINGS
from alcove.app.spaces.paths import parse_path
from alcove.app.spaces.usecases import Place, SpaceUseCases
from alcove.app.spaces.world import World, make_world
from alcove.config.selection import SelectionStore
from alcove.kube import resources
from alcove.kube.client import EVERYTHING, KubeClient, Listing, Object, Selection, object_key
from alcove.kube.errors import ForbiddenError
from alcove.kube.fake import FakeKubeClient
from alcove.kube.resources import Resource


def namespace(name: str, parent: str | None = None, *, space: bool = True, **labels: str) -> Object:
    own = ({"azds.io/space": "true"} if space else {}) | ({"azds.io/parent-space": parent} if parent else {})
    spelled = {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}
    return {"metadata": {"name": name, "uid": f"uid-{name}", "labels": own | spelled}}


def world_of(*namespaces: Object, hidden: Iterable[str] = (), complete: bool = True) -> World:
    return make_world(namespaces, hidden=hidden, complete=complete)


FAMILY = (
    namespace("dev"),
    namespace("team", "dev"),
    namespace("alice", "team"),
    namespace("plain", space=False),
)
"""dev/team/alice, and a namespace that is no space."""


def request(path: str, *, move: bool = False, restart: str = "") -> CreationRequest:
    return CreationRequest(parse_path(path), move, restart)


def silent(_text: str) -> None:
    """Hear what a command says, and forget it."""


class BoundedClient(FakeKubeClient):
    """A cluster whose user has all rights, but only inside of some namespaces; None: everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds += [ROLE_BINDINGS, DAEMON_SETS]
        self.allowed: set[str] | None = None
        self.denied: set[tuple[str, str]] = set()
        """(verb, resource) that are refused everywhere."""

    async def get(self, resource: Resource, name: str, *, namespace: str = "") -> Object:
        self._check("get", resource, namespace or name)
        return await super().get(resource, name, namespace=namespace)

    async def list(self, resource: Resource, selection: Selection = EVERYTHING) -> Listing:
        self._check("list", resource, selection.namespace)
        return await super().list(resource, selection)

    async def create(self, resource: Resource, item: Object, *, dry_run: bool = False) -> Object:
        self._check("create", resource, object_key(item)[0])
        return await super().create(resource, item, dry_run=dry_run)

    async def patch(self, resource: Resource, name: str, patch: object, **options: object) -> Object:
        where = str(options.get("namespace") or "")
        self._check("patch", resource, where or name)
        return await super().patch(resource, name, patch, **options)  # type: ignore[arg-type]  # passed on

    async def delete(self, resource: Resource, name: str, **options: object) -> None:
        where = str(options.get("namespace") or "")
        self._check("delete", resource, where or name)
        await super().delete(resource, name, **options)  # type: ignore[arg-type]  # passed on

    def _check(self, verb: str, resource: Resource, namespace: str) -> None:
        changes = resource == resources.NAMESPACES and verb not in ("get", "list")
        outside = self.allowed is not None and (namespace not in self.allowed or changes)
        if outside or (verb, str(resource)) in self.denied:
            message = f'{resource} is forbidden: User "dev@example.com" cannot {verb} resource "{resource}"'
            raise ForbiddenError(message, code=403, reason="Forbidden")


async def put(client: FakeKubeClient, *namespaces: Object) -> None:
    for item in namespaces:
        await FakeKubeClient.create(client, resources.NAMESPACES, item)


def use_cases_of(client: KubeClient, directory: Path, *, home: str = "") -> SpaceUseCases:
    """Give the use cases of a user whose kubeconfig names the namespace ``home``."""
    return SpaceUseCases(client, SelectionStore(directory), Place("ctx", "https://cluster", home))
