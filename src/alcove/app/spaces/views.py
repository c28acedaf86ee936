"""What is listed and shown of spaces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alcove.admission.markers import mapping
from alcove.app.spaces.world import World
from alcove.kube.client import Object, object_key
from alcove.model import Service, ServiceName, SpaceName
from alcove.spaces.resolve import resolve_service

ServicesSeen = Mapping[SpaceName, Sequence[Object] | None]
"""The Services of each space of a chain; None where they may not be seen."""

_HEADLESS = "None"


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """One space of a list."""

    name: SpaceName
    path: str
    parent: SpaceName | None
    """What its label names, whether or not that counts."""
    selected: bool
    status: str
    """``Active`` or ``Terminating``, as Kubernetes calls them."""
    fault: str | None
    """Why its parent does not count."""

    def document(self) -> dict[str, Any]:
        """Give it in the form that ``-o json`` prints."""
        return {
            "name": self.name,
            "path": self.path,
            "parent": self.parent,
            "selected": self.selected,
            "status": self.status,
            "fault": self.fault,
        }


@dataclass(frozen=True, slots=True)
class SpaceDetails:
    """One space, and what its users see."""

    row: SpaceRow
    chain: tuple[SpaceName, ...]
    """The space, its parent, ... its root."""
    children: tuple[str, ...]
    """Their paths."""
    own: tuple[str, ...]
    """Services that no space above has."""
    overrides: Mapping[str, SpaceName]
    """Services of its own, each with the space whose version it hides."""
    inherits: Mapping[str, SpaceName]
    """Services of others, each with the space that answers."""
    unseen: tuple[SpaceName, ...]
    """Spaces of the chain whose services may not be seen."""

    def document(self) -> dict[str, Any]:
        """Give it in the form that ``-o json`` prints."""
        services = {"own": list(self.own), "overrides": dict(self.overrides), "inherits": dict(self.inherits)}
        return {
            **self.row.document(),
            "chain": list(self.chain),
            "children": list(self.children),
            "services": services,
            "unseen": list(self.unseen),
        }

    def lines(self) -> dict[str, str]:
        """Give it as titles and texts for people; what is empty is ``-``."""
        record = {
            "space": self.row.path,
            "status": status_text(self.row),
            "chain": " -> ".join(self.chain),
            "children": _listed(self.children),
            "own": _listed(self.own),
            "overrides": _listed(f"{name} (of {space})" for name, space in self.overrides.items()),
            "inherits": _listed(f"{name} (from {space})" for name, space in self.inherits.items()),
        }
        return record | ({"not visible": _listed(self.unseen)} if self.unseen else {})


def status_text(row: SpaceRow) -> str:
    """Give the status, with what is wrong."""
    return f"{row.status}: {row.fault}" if row.fault else row.status


def list_rows(world: World, selected: SpaceName | None) -> list[SpaceRow]:
    """Give every space that was seen, parents before their children."""
    return [make_row(world, name, selected) for name in world.spaces]


def make_row(world: World, name: SpaceName, selected: SpaceName | None) -> SpaceRow:
    """Give one space that was seen."""
    fault = world.tree.faults.get(name)
    phase = mapping(world.namespaces[name], "status").get("phase") or "Active"
    return SpaceRow(
        name=name,
        path=world.tree.path(name),
        parent=world.labelled_parent(name),
        selected=name == selected,
        status="Terminating" if world.ending(name) else str(phase),
        fault=fault.value if fault else None,
    )


def make_details(
    world: World, name: SpaceName, seen: ServicesSeen, *, selected: SpaceName | None
) -> SpaceDetails:
    """Give one space with the services that its users see, by the rules that route their requests."""
    chain = world.tree.chain(name)
    services = {
        (space, service.name): service
        for space, items in seen.items()
        for service in (_observe_service(space, item) for item in items or ())
    }

    def above(service: ServiceName) -> SpaceName | None:
        parent = world.tree.parents[name]
        return parent and resolve_service(world.tree, services, service=service, space=parent)

    here = sorted(
        {key[1] for key, service in services.items() if key[0] == name and not service.external_name}
    )
    there = sorted({service for _, service in services} - set(here))
    hidden: dict[str, SpaceName] = {service: space for service in here if (space := above(service))}
    return SpaceDetails(
        row=make_row(world, name, selected),
        chain=chain,
        children=tuple(map(world.tree.path, world.tree.children(name))),
        own=tuple(service for service in here if service not in hidden),
        overrides=hidden,
        inherits={service: space for service in there if (space := above(service))},
        unseen=tuple(space for space in chain if seen.get(space) is None),
    )


def _observe_service(space: SpaceName, item: Object) -> Service:
    spec = mapping(item, "spec")
    given = spec.get("clusterIPs") or [spec.get("clusterIP")]
    addresses = tuple(str(address) for address in given if address and address != _HEADLESS)
    external = str(spec.get("externalName") or "") if spec.get("type") == "ExternalName" else ""
    return Service(space, ServiceName(object_key(item)[1]), addresses, external_name=external)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "-"
