"""What addresses stand for, written down while their Services exist: afterwards nobody could.

Callers cache addresses, so the address of a removed Service goes on standing for its name. The record is an
annotation of the space's namespace (``observation.spaces``), and it is kept for Services that still exist: so
nothing is lost when a Service is removed while no control plane runs. An address that another Service took is
no longer anybody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from alcove.app.observation.spaces import ALIASES_ANNOTATION, render_aliases
from alcove.kube import resources
from alcove.kube.client import KubeClient, Object
from alcove.model import Alias, ClusterState, SpaceName
from alcove.routing.addresses import render_address
from alcove.spaces.tree import plan_tree

MOST_REMOVED = 200
"""Addresses of removed Services that one space remembers."""
_LONGEST = 128 << 10
"""Bytes of the annotation; Kubernetes allows 256 KiB for all annotations of an object together."""


def plan_aliases(state: ClusterState) -> dict[SpaceName, str]:
    """Give the annotations that differ from what is written, by space.

    Only spaces that have a parent or children: nothing is ever rerouted in others.
    """
    tree = plan_tree(state.spaces.values())
    related = {name for name in tree.parents if tree.parents[name] is not None or tree.children(name)}
    taken = {
        render_address(address): (service.space, service.name)
        for service in state.services.values()
        for address in service.addresses
    }
    found = {}
    for name in sorted(related):
        wanted = _wanted(state, name, taken)
        if wanted != state.spaces[name].aliases:
            found[name] = _render(wanted)
    return found


async def apply_aliases(client: KubeClient, planned: Mapping[SpaceName, str]) -> None:
    """Write the annotations.

    Raises:
        KubeError: one could not be written; those before it are.
    """
    for name, text in planned.items():
        patch: Object = {"metadata": {"annotations": {ALIASES_ANNOTATION: text}}}
        await client.patch(resources.NAMESPACES, name, patch)


def _wanted(
    state: ClusterState, space: SpaceName, taken: Mapping[str, tuple[SpaceName, str]]
) -> dict[str, Alias]:
    removed = {
        address: alias for address, alias in state.spaces[space].aliases.items() if address not in taken
    }
    kept = sorted(removed)[:MOST_REMOVED]
    return {**{address: removed[address] for address in kept}, **dict(_living(state, space))}


def _living(state: ClusterState, space: SpaceName) -> Iterator[tuple[str, Alias]]:
    for key in sorted(state.services):
        service = state.services[key]
        if service.space == space:
            for address in service.addresses:
                ports = tuple(replace(port, differs=False) for port in service.ports)
                yield render_address(address), Alias(service.name, ports)


def _render(aliases: Mapping[str, Alias]) -> str:
    text = render_aliases(aliases)
    if len(text) <= _LONGEST:
        return text
    # Without ports those of the versions that answer count: less exact, and small.
    return render_aliases({address: Alias(alias.service) for address, alias in aliases.items()})
