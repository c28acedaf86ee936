"""Reads what a cluster has, as far as the caller may list it.

Without namespaces and Services there is nothing to say; all else may be hidden from a user, and then the
state is made without it and the reports tell so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from alcove.admission.markers import SESSION_LABEL
from alcove.app.observation.reports import Report
from alcove.app.observation.state import ClusterObjects, observe_state
from alcove.kube import errors, resources
from alcove.kube.client import EVERYTHING, KubeClient, Object, Selection
from alcove.kube.resources import Resource
from alcove.model import ClusterState

SERVICE_CIDRS = Resource("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", namespaced=False)
"""Served from Kubernetes 1.33 on."""

_NOT_SERVED = (405, 501)
_NEEDED = (resources.NAMESPACES, resources.SERVICES)
_LISTED = (
    *_NEEDED,
    resources.ENDPOINT_SLICES,
    resources.INGRESSES,
    resources.NODES,
    SERVICE_CIDRS,
    resources.PODS,
)
"""Of pods those of sessions alone."""


async def fetch_state(client: KubeClient) -> tuple[ClusterState, tuple[Report, ...]]:
    """Give the state of a cluster, and what does not count.

    Raises:
        KubeError: the cluster does not answer, or namespaces or Services may not be listed.
    """
    objects, hidden = await fetch_objects(client)
    state, reports = observe_state(objects)
    return state, tuple(sorted({*hidden, *reports}))


async def fetch_objects(client: KubeClient) -> tuple[ClusterObjects, tuple[Report, ...]]:
    """Give what a cluster lists, and what may not be seen of it.

    Raises:
        KubeError: the cluster does not answer, or namespaces or Services may not be listed.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_list(client, resource), name=f"list {resource}") for resource in _LISTED]
    answers = dict(zip(_LISTED, (task.result() for task in tasks), strict=True))
    listed: list[Sequence[Object]] = []
    hidden: list[Report] = []
    for resource, answer in answers.items():
        if not isinstance(answer, errors.KubeError):
            listed.append(answer)
            continue
        if resource in _NEEDED or not _dispensable(answer):
            raise answer
        listed.append(())
        if isinstance(answer, errors.ForbiddenError):
            hidden.append(Report(resource.kind, "", "", "you may not list them: nothing is known of them"))
    seen = not isinstance(answers[resources.ENDPOINT_SLICES], errors.KubeError)
    return ClusterObjects(*listed, slices_seen=seen), tuple(hidden)


async def _list(client: KubeClient, resource: Resource) -> Sequence[Object] | errors.KubeError:
    """Give a failure as a value: a group of tasks would wrap it, and the caller decides what it means."""
    selection = Selection(labels=SESSION_LABEL) if resource == resources.PODS else EVERYTHING
    try:
        return (await client.list(resource, selection)).items
    except errors.KubeError as error:
        return error


def _dispensable(error: errors.KubeError) -> bool:
    """Tell whether a resource is not served or may not be seen; 401 says that nobody known is asking."""
    if isinstance(error, errors.ForbiddenError):
        return error.code != 401
    return isinstance(error, errors.NotFoundError) or error.code in _NOT_SERVED
