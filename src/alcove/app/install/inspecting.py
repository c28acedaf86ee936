"""Reads what ``status`` and ``doctor`` tell of, as far as the caller may see it."""

from __future__ import annotations

from collections.abc import Sequence

from alcove.admission.markers import mapping
from alcove.app.install import kinds, rollouts
from alcove.app.install.observing import find, find_record
from alcove.app.install.statuses import NAMES, Installation
from alcove.app.spaces.observing import list_objects
from alcove.kube import resources
from alcove.kube.client import KubeClient, Object
from alcove.kube.resources import Resource

LIMIT_RANGES = Resource("", "v1", "limitranges", "LimitRange")


async def inspect(client: KubeClient) -> Installation | None:
    """Give what there is of an installation, None where there is none, or it may not be seen.

    Raises:
        KubeError: the cluster does not answer, or does not know the caller.
    """
    record = await find_record(client)
    if record is None:
        return None
    found = {
        name: await find(client, resources.DEPLOYMENTS, name, namespace=kinds.NAMESPACE) for name in NAMES
    }
    deployments = {name: item for name, item in found.items() if item is not None}
    return Installation(
        mapping(record, "data"),
        deployments,
        await find(client, resources.SERVICES, kinds.SERVICE, namespace=kinds.NAMESPACE),
        await find(client, resources.SERVICES, kinds.GATEWAY, namespace=kinds.NAMESPACE),
        await list_objects(client, resources.NAMESPACES, "") or (),
        await list_objects(client, resources.PODS, ""),
        await list_objects(client, LIMIT_RANGES, "") or (),
        {
            component: await _troubles(client, deployments.get(name), component)
            for name, component in NAMES.items()
        },
    )


async def _troubles(client: KubeClient, deployment: Object | None, component: str) -> Sequence[str]:
    if deployment is None or not rollouts.lacking(deployment):
        return ()
    return await rollouts.explain_pods(client, [component])
