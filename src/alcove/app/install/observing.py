"""Reads what planning an installation has to know, as far as the caller may see it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alcove.admission.markers import is_marked, labels_of, mapping
from alcove.app.install import access, kinds
from alcove.app.install.preflight import Surroundings
from alcove.app.spaces.plans import Ending
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient, Object, Selection, object_key
from alcove.kube.resources import Resource
from alcove.model import SpaceName

_SYSTEM = "kube-system"
_CILIUM = "cilium-config"
_FELIX = Resource(
    "crd.projectcalico.org", "v1", "felixconfigurations", "FelixConfiguration", namespaced=False
)
_NOT_SERVED = (405, 501)
_OWN_NAMESPACE = (resources.NAMESPACES, "", kinds.NAMESPACE)


@dataclass(frozen=True, slots=True)
class Key:
    """One object of an installation."""

    resource: Resource
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.resource.kind} {self.name!r}"


@dataclass(frozen=True, slots=True)
class Present:
    """What is there of an installation, or in its place."""

    namespace: Object | None = None
    """The namespace ``azds``, whoever made it."""
    recorded: Mapping[str, Any] | None = None
    """The data of the ConfigMap ``alcove``; None while the cluster is not enabled."""
    helm_release: str = ""
    """The release, when Helm installed Alcove here."""
    foreign: tuple[Key, ...] = ()
    """Objects outside of ``azds`` that have our names, and others made."""
    endings: tuple[Ending, ...] = ()
    """Other namespaces of ours that are being deleted."""
    leftover: tuple[Key, ...] = ()
    """Objects of ours that are not wanted any more."""
    orphans: Mapping[str, int] = field(default_factory=dict)
    """How many pods have proxies of an installation that is gone, by namespace."""

    @property
    def is_ending(self) -> bool:
        """Whether the namespace ``azds`` is being deleted already."""
        return "deletionTimestamp" in mapping(self.namespace or {}, "metadata")

    @property
    def is_foreign(self) -> bool:
        """Whether the namespace ``azds`` is there and not ours."""
        return self.namespace is not None and not is_ours(self.namespace) and self.recorded is None


def is_ours(item: Object) -> bool:
    """Tell whether an object is part of an installation."""
    return kinds.OURS.items() <= labels_of(item).items()


def key_of(item: Object) -> Key:
    """Give the key of an object of ours."""
    return Key(kinds.resource_of(item), *object_key(item))


async def find_record(client: KubeClient) -> Object | None:
    """Give the ConfigMap that says how the cluster was enabled, None where it is not or may not be seen."""
    return await find(client, resources.CONFIG_MAPS, kinds.INSTALLATION, namespace=kinds.NAMESPACE)


async def observe_present(client: KubeClient, objects: Sequence[Object]) -> Present:
    """Read what is there; ``objects`` are those that are wanted.

    Raises:
        KubeError: the cluster does not answer, or does not know the caller.
    """
    wanted = {key_of(item) for item in objects}
    record = await find_record(client)
    ours = await list_ours(client)
    found = await _find_all(client, [key for key in wanted if not key.resource.namespaced])
    foreign = [key for key, item in found.items() if not is_ours(item) and key != Key(*_OWN_NAMESPACE)]
    return Present(
        await find(client, resources.NAMESPACES, kinds.NAMESPACE),
        None if record is None else mapping(record, "data"),
        _release_of(record),
        tuple(sorted(foreign, key=str)),
        tuple(_endings(found)),
        tuple(key for key in ours if key not in wanted and not _written_by_control_plane(key)),
        await count_proxied(client) or {} if record is None else {},
    )


async def list_ours(client: KubeClient, *, strict: bool = False) -> tuple[Key, ...]:
    """Give every object of an installation, whatever its settings were, in the order of ``kinds``.

    What may not be seen counts as absent, unless ``strict``.

    Raises:
        ForbiddenError: a kind may not be listed, and it is ``strict``.
    """
    labels = ",".join(f"{key}={value}" for key, value in kinds.OURS.items())
    found: list[Key] = []
    for resource in kinds.KINDS:
        for where in kinds.NAMESPACES if resource.namespaced else ("",):
            try:
                listed = await client.list(resource, Selection(where, labels))
            except errors.KubeError as error:
                if not _absent(error) or (strict and isinstance(error, errors.ForbiddenError)):
                    raise
                continue
            found += [Key(resource, *object_key(item)) for item in listed.items]
    return tuple(found)


async def observe_surroundings(
    client: KubeClient, objects: Sequence[Object], *, space: str = ""
) -> Surroundings:
    """Read what decides whether an installation can work; ``space`` is the first space, if known."""
    felix = await find(client, _FELIX, "default")
    cilium = await find(client, resources.CONFIG_MAPS, _CILIUM, namespace=_SYSTEM)
    return Surroundings(
        nodes=await _nodes(client),
        missing_rights=await access.find_missing(client, objects),
        unserved=await _unserved(client, objects),
        cilium=None if cilium is None else mapping(cilium, "data"),
        felix=None if felix is None else mapping(felix, "spec"),
        space=await find(client, resources.NAMESPACES, space) if space else None,
    )


async def find(client: KubeClient, resource: Resource, name: str, *, namespace: str = "") -> Object | None:
    """Give an object, None where there is none, or where it may not be seen."""
    try:
        return await client.get(resource, name, namespace=namespace)
    except errors.KubeError as error:
        if not _absent(error):
            raise
        return None


async def count_proxied(client: KubeClient) -> dict[str, int] | None:
    """Give how many living pods have a proxy, by namespace; None where pods may not be listed."""
    try:
        pods = (await client.list(resources.PODS)).items
    except errors.ForbiddenError as error:
        if error.code == 401:
            raise
        return None
    found: dict[str, int] = {}
    for pod in pods:
        if is_marked(pod) and "deletionTimestamp" not in mapping(pod, "metadata"):
            where = object_key(pod)[0]
            found[where] = found.get(where, 0) + 1
    return found


async def _find_all(client: KubeClient, keys: Iterable[Key]) -> dict[Key, Object]:
    async with asyncio.TaskGroup() as group:
        tasks = {
            key: group.create_task(find(client, key.resource, key.name), name=f"find {key}") for key in keys
        }
    return {key: item for key, task in tasks.items() if (item := task.result()) is not None}


async def _nodes(client: KubeClient) -> Sequence[Object] | None:
    try:
        return (await client.list(resources.NODES)).items
    except errors.ForbiddenError as error:
        if error.code == 401:
            raise
        return None


async def _unserved(client: KubeClient, objects: Sequence[Object]) -> list[str]:
    missing: list[str] = []
    for api_version, kind in sorted({(item["apiVersion"], item["kind"]) for item in objects}):
        try:
            await client.find_resource(api_version, kind)
        except errors.NotFoundError:
            missing.append(f"{kind} of {api_version}")
    return missing


def _endings(found: Mapping[Key, Object]) -> Iterator[Ending]:
    for key, item in found.items():
        meta, other = mapping(item, "metadata"), key.name != kinds.NAMESPACE
        if other and key.resource == resources.NAMESPACES and "deletionTimestamp" in meta:
            yield Ending(SpaceName(key.name), str(meta.get("uid") or ""))


def _release_of(record: Object | None) -> str:
    annotations = mapping(record or {}, "metadata", "annotations")
    return str(annotations.get(kinds.HELM_RELEASE) or "")


def _written_by_control_plane(key: Key) -> bool:
    return key.resource == resources.CONFIG_MAPS and key.name == kinds.GATEWAY


def _absent(error: errors.KubeError) -> bool:
    """Tell whether an object is not there, its kind is not served, or neither may be seen."""
    if isinstance(error, errors.ForbiddenError):
        return error.code != 401
    return isinstance(error, errors.NotFoundError) or error.code in _NOT_SERVED
