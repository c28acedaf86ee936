"""By which URIs the services of a space are entered from outside: what ``alcove list-uris`` prints."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from alcove import errors
from alcove.app.gateway.foreign import find_foreign
from alcove.app.gateway.links import Link
from alcove.app.gateway.reaching import NOWHERE, Entrance, observe_entrance
from alcove.app.observation.fetching import fetch_objects
from alcove.app.observation.state import observe_state
from alcove.app.spaces.creation import OWN_NAMESPACE
from alcove.kube import errors as kube_errors
from alcove.kube import resources
from alcove.kube.client import KubeClient
from alcove.model import ClusterState, RouteKey, SpaceName
from alcove.routing.certificates import observe_certificates
from alcove.routing.choices import Refusal
from alcove.routing.entries import plan_entries
from alcove.routing.world import World, observe_world
from alcove.spaces.resolve import Reason

_GATEWAY = "alcove-gateway"


class Status(Enum):
    """Whether a URI can be used."""

    AVAILABLE = "Available"
    PENDING = "Pending"


@dataclass(frozen=True, slots=True)
class Uri:
    """One row."""

    uri: str
    space: SpaceName
    """Whose version of the service answers."""
    service: str
    status: Status

    def document(self) -> dict[str, Any]:
        """Give it in the form that ``-o json`` prints."""
        return {"uri": self.uri, "space": self.space, "service": self.service, "status": self.status.value}


@dataclass(frozen=True, slots=True)
class Uris:
    """All rows, and what people should know."""

    rows: tuple[Uri, ...]
    notes: tuple[str, ...] = ()


class NameService(Protocol):
    """DNS, as this machine sees it."""

    async def resolves(self, host: str) -> bool:
        """Tell whether a host has an address."""


async def list_uris(
    client: KubeClient, names: NameService, space: SpaceName, *, inherited: bool = False
) -> Uris:
    """Give the URIs of a space; with ``inherited`` also those at which an ancestor's version answers.

    Raises:
        ConflictError: there is no such space.
        KubeError: the cluster does not answer, or namespaces or Services may not be listed.
    """
    objects, hidden = await fetch_objects(client)
    state, reports = observe_state(objects)
    if space not in state.spaces:
        raise errors.ConflictError(f"{str(space)!r} is no space (any more)", hint="alcove space select")
    world, (entrance, note) = observe_world(state), await _find_gateway(client)
    links = [*find_entries(world, state, space, entrance), *find_foreign(world, objects.ingresses, space)]
    shown = sorted({link for link in links if inherited or link.space == space})
    told = [str(each) for each in (*hidden, *reports) if each.namespace in world.tree.chain(space)]
    gateway = [note] if note and any(link.entrance is entrance for link in shown) else []
    return Uris(await _judge(names, shown), tuple(dict.fromkeys([*gateway, *told])))


def find_entries(world: World, state: ClusterState, space: SpaceName, entrance: Entrance) -> Iterator[Link]:
    """Yield what the gateway serves in a space's view, at ``entrance``; instances may still be to come."""
    for host in plan_entries(world, state.entries, observe_certificates(state)):
        name = host.host if host.owner == space else host.prefixed.get(RouteKey(space))
        if name is None:
            continue
        scheme = "https" if name in host.certificates else "http"
        for path in host.paths if host.owner == space else host.views.get(RouteKey(space), host.paths):
            if not isinstance(path.outcome, Refusal) or path.outcome.reason is Reason.NO_INSTANCE:
                yield Link(scheme, name, path.path, path.outcome.space, path.outcome.service, entrance)


async def _find_gateway(client: KubeClient) -> tuple[Entrance, str]:
    try:
        service = await client.get(resources.SERVICES, _GATEWAY, namespace=OWN_NAMESPACE)
    except kube_errors.NotFoundError:
        return NOWHERE, "the cluster has no gateway: alcove enable --endpoint public makes one"
    except kube_errors.ForbiddenError as error:
        if error.code == 401:
            raise
        return NOWHERE, f"you may not see the Service {_GATEWAY}, so whether its URIs work is not known"
    found = observe_entrance(service)
    if not found.addresses:
        return found, "the gateway has no address yet: kubectl get service alcove-gateway -n azds"
    if found.named:
        return found, f"hosts need an entry in DNS of the type CNAME to {found.addresses[0]}"
    return found, ""


async def _judge(names: NameService, links: Sequence[Link]) -> tuple[Uri, ...]:
    hosts = sorted({link.host for link in links if link.entrance.named})
    known = await _resolve(names, hosts)
    return tuple(Uri(link.uri, link.space, link.service, _status(link, known)) for link in links)


def _status(link: Link, known: Mapping[str, bool]) -> Status:
    reached = bool(link.entrance.addresses) and known.get(link.host, True)
    return Status.AVAILABLE if reached else Status.PENDING


async def _resolve(names: NameService, hosts: Iterable[str]) -> dict[str, bool]:
    async with asyncio.TaskGroup() as group:
        tasks = {host: group.create_task(names.resolves(host), name=f"resolve {host}") for host in hosts}
    return {host: task.result() for host, task in tasks.items()}
