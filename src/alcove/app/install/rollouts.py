"""Waits until what was installed runs and has an address; says what is wrong when it does not get there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from alcove import errors
from alcove.admission.markers import mapping
from alcove.app.install import kinds, troubles
from alcove.app.install.suffixes import Balancer, read_balancer
from alcove.kube import errors as kube_errors
from alcove.kube import resources
from alcove.kube.client import KubeClient, LogOptions, Object, Selection

_LOG_LINES = 5


def lacking(deployment: Object) -> str:
    """Give what a Deployment's rollout still lacks, empty when it is complete."""
    meta, status = mapping(deployment, "metadata"), mapping(deployment, "status")
    wanted = mapping(deployment, "spec").get("replicas", 1)
    if int(status.get("observedGeneration") or 0) < int(meta.get("generation") or 1):
        return "it has not been looked at yet"
    updated, available = (int(status.get(key) or 0) for key in ("updatedReplicas", "availableReplicas"))
    if updated < wanted:
        return f"{updated} of {wanted} pods are new"
    if int(status.get("replicas") or 0) > updated:
        return "old pods are still ending"
    return f"{available} of {updated} pods are available" if available < updated else ""


async def wait_until_ready(client: KubeClient, names: Sequence[str], *, seconds: float) -> None:
    """Return once all Deployments of these names in ``azds`` run what they should.

    Raises:
        UnavailableError: they do not after ``seconds``; says why.
    """
    last: dict[str, Object] = {}
    try:
        async with (
            asyncio.timeout(seconds),
            aclosing(client.watch(resources.DEPLOYMENTS, Selection(kinds.NAMESPACE))) as events,
        ):
            async for kind, item in events:
                name = str(mapping(item, "metadata").get("name") or "")
                if name in names and kind != "DELETED":
                    last[name] = item
                if all(one in last and not lacking(last[one]) for one in names):
                    return
    except TimeoutError as error:
        waiting = {name: lacking(last[name]) if name in last else "it is not there" for name in names}
        raise await _late(client, {name: why for name, why in waiting.items() if why}, seconds) from error


async def wait_for_balancer(client: KubeClient, *, seconds: float) -> Balancer:
    """Give where the gateway is reached, nothing when that is not known after ``seconds``."""
    found = Balancer()
    selection = Selection(kinds.NAMESPACE, fields=f"metadata.name={kinds.GATEWAY}")
    try:
        async with (
            asyncio.timeout(seconds),
            aclosing(client.watch(resources.SERVICES, selection)) as events,
        ):
            async for _kind, item in events:
                if found := read_balancer(item):
                    return found
    except TimeoutError:
        return found
    return found


async def explain_pods(client: KubeClient, components: Sequence[str]) -> list[str]:
    """Give what is wrong with the pods of these parts, each with the end of its log."""
    try:
        pods = (await client.list(resources.PODS, Selection(kinds.NAMESPACE, _selector(components)))).items
        events = (await client.list(resources.EVENTS, Selection(kinds.NAMESPACE))).items
    except kube_errors.ForbiddenError as error:
        return [f"you may not see the pods: {error.message}"]
    found = troubles.find_troubles(pods, events)
    return [f"{one}{await _log_of(client, one)}" for one in found]


async def _late(client: KubeClient, waiting: dict[str, str], seconds: float) -> errors.AlcoveError:
    parts = {kinds.CONTROL_PLANE: kinds.CONTROL_PLANE_COMPONENT, kinds.GATEWAY: kinds.GATEWAY_COMPONENT}
    causes = [f"{name}: {why}" for name, why in waiting.items()]
    causes += await explain_pods(client, [parts[name] for name in waiting])
    return errors.UnavailableError(
        f"Alcove is installed, but not ready after {seconds:g} s",
        cause="\n  ".join(causes),
        hint="once that is mended it gets ready by itself: alcove status; "
        "or run 'alcove enable' again, which goes on here",
    )


async def _log_of(client: KubeClient, trouble: troubles.Trouble) -> str:
    if not trouble.has_run:
        return ""
    options = LogOptions(trouble.container, previous=trouble.ended, tail_lines=_LOG_LINES)
    try:
        log = b"".join([part async for part in client.read_log(kinds.NAMESPACE, trouble.pod, options)])
    except kube_errors.KubeError:
        return ""
    lines = log.decode(errors="replace").splitlines()
    return "".join(f"\n      | {line}" for line in lines[-_LOG_LINES:])


def _selector(components: Sequence[str]) -> str:
    return f"app.kubernetes.io/name=alcove,{kinds.COMPONENT} in ({','.join(components)})"
