"""What sessions leave in spaces, for who takes Alcove out of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alcove.app.install import kinds
from alcove.app.install.observing import Key
from alcove.app.install.pods import counted
from alcove.app.spaces.creation import MADE_BY
from alcove.app.spaces.observing import ACCOUNT, ROLE_BINDINGS
from alcove.app.spaces.plans import Action
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient, Selection, object_key
from alcove.kube.resources import Resource
from alcove.sessions.objects import SESSIONS

CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
_HUB = {"app.kubernetes.io/name": "alcove", kinds.COMPONENT: "hub"}
_ABSENT = (404, 405, 501)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What there is of sessions, outside of Alcove's own namespaces."""

    hubs: Sequence[Key] = ()
    others: Sequence[Key] = ()
    """Their volumes, and what lets them act in the space."""
    sessions: Sequence[Key] = ()


async def observe_leftovers(client: KubeClient) -> Leftovers:
    """Read it.

    Raises:
        KubeError: the cluster does not answer, or a kind may not be listed.
    """
    hub, made = _selected(_HUB), _selected(MADE_BY)
    others = await _list(client, CLAIMS, hub)
    for resource in (ROLE_BINDINGS, resources.SERVICE_ACCOUNTS):
        others += [key for key in await _list(client, resource, made) if key.name == ACCOUNT]
    hubs = await _list(client, resources.DEPLOYMENTS, hub)
    return Leftovers(hubs, others, await _list(client, SESSIONS, ""))


def plan_hubs(seen: Leftovers) -> Iterator[Action]:
    """Give what ends the hubs, before there is nobody to answer them."""
    for key in seen.hubs:
        yield _deletion(key, f"The hub of '{key.namespace}' ends")


def plan_leftovers(seen: Leftovers) -> Iterator[Action]:
    """Give what goes when they have ended; Session objects go with their kind.

    An ``up`` that still runs has made its hub again; without an installation it cannot any more.
    """
    for key in seen.hubs:
        yield _deletion(key, "")
    for key in seen.others:
        yield _deletion(key, f"{key} removed from '{key.namespace}'")


def warn_of_sessions(seen: Leftovers) -> Iterator[str]:
    """Tell whose sessions end."""
    if seen.sessions:
        where = ", ".join(sorted({key.namespace for key in seen.sessions}))
        yield (
            f"{counted(len(seen.sessions), 'session')} (in {where}) will end: what they installed stays, and "
            "its images are built by nobody any more; to remove it first: alcove down"
        )


async def _list(client: KubeClient, resource: Resource, labels: str) -> list[Key]:
    try:
        found = (await client.list(resource, Selection(labels=labels))).items
    except errors.KubeError as error:
        if isinstance(error, errors.ForbiddenError) or error.code not in _ABSENT:
            raise
        return []
    keys = [Key(resource, *object_key(item)) for item in found]
    return [key for key in keys if key.namespace not in kinds.NAMESPACES]


def _selected(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _deletion(key: Key, told: str) -> Action:
    return Action("delete", key.resource, key.name, key.namespace, told=told)
