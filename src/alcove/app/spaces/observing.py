"""Reads what there is of spaces, as far as the caller may see it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from alcove.app.spaces import world
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient, Object, Selection, object_key
from alcove.kube.resources import Resource

DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
WORKLOADS = (resources.DEPLOYMENTS, resources.STATEFUL_SETS, DAEMON_SETS)

ACCOUNT = "alcove-space"
"""The service account of a space, and the binding that gives it its role."""


class Workload(NamedTuple):
    """What runs pods in a namespace."""

    resource: Resource
    name: str


class Contents(NamedTuple):
    """What a namespace holds that is of interest here; None and empty where it may not be seen."""

    account: Object | None = None
    binding: Object | None = None
    workloads: Sequence[Workload] = ()
    services: Sequence[str] = ()


EMPTY = Contents()


async def observe_world(client: KubeClient, names: Iterable[str]) -> world.World:
    """Read all namespaces; without the right to list them, the named ones and their ancestors.

    Raises:
        KubeError: the cluster does not answer, or does not know the caller.
    """
    try:
        return world.make_world((await client.list(resources.NAMESPACES)).items)
    except errors.ForbiddenError as error:
        _pass_on_unknown(error)
    pending, asked = [name for name in names if name], set[str]()
    seen: list[Object] = []
    hidden: list[str] = []
    while pending:
        name = pending.pop()
        if name in asked:
            continue
        asked.add(name)
        try:
            namespace = await client.get(resources.NAMESPACES, name)
        except errors.NotFoundError:
            continue
        except errors.ForbiddenError as error:
            _pass_on_unknown(error)
            hidden.append(name)
            continue
        seen.append(namespace)
        pending += filter(None, [world.parent_of(namespace)])
    return world.make_world(seen, hidden=hidden, complete=False)


async def observe_contents(client: KubeClient, namespace: str) -> Contents:
    """Read what a namespace holds; what may not be seen counts as absent, and is found when it is written."""
    return Contents(
        account=await _find(client, resources.SERVICE_ACCOUNTS, namespace),
        binding=await _find(client, ROLE_BINDINGS, namespace),
        workloads=[
            Workload(resource, name)
            for resource in WORKLOADS
            for name in await list_names(client, resource, namespace) or ()
        ],
        services=await list_names(client, resources.SERVICES, namespace) or (),
    )


async def list_names(client: KubeClient, resource: Resource, namespace: str) -> list[str] | None:
    """Give the names of a namespace's objects, None where they may not be seen."""
    found = await list_objects(client, resource, namespace)
    return None if found is None else [object_key(item)[1] for item in found]


async def list_objects(client: KubeClient, resource: Resource, namespace: str) -> Sequence[Object] | None:
    """Give a namespace's objects, None where they may not be seen; none of what is not served."""
    try:
        return (await client.list(resource, Selection(namespace))).items
    except errors.ForbiddenError as error:
        _pass_on_unknown(error)
        return None
    except errors.NotFoundError:
        return []
    except errors.KubeError as error:
        if error.code not in (405, 501):
            raise
        return []


async def _find(client: KubeClient, resource: Resource, namespace: str) -> Object | None:
    try:
        return await client.get(resource, ACCOUNT, namespace=namespace)
    except errors.NotFoundError:
        return None
    except errors.ForbiddenError as error:
        _pass_on_unknown(error)
        return None


def _pass_on_unknown(error: errors.ForbiddenError) -> None:
    """Raise again what is no missing right: the cluster does not know who asks."""
    if error.code == 401:
        raise error
