"""A cluster state in the shape that planning asks for: made once, asked thousands of times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from alcove.model import Alias, ClusterState, Endpoint, Port, Service, ServiceName, SpaceName
from alcove.routing.addresses import render_address
from alcove.spaces.resolve import Services
from alcove.spaces.tree import SpaceTree, plan_tree


@dataclass(frozen=True, slots=True)
class World:
    """The tree, the Services in canonical order, and what follows from both."""

    tree: SpaceTree
    services: Services
    ordered: tuple[Service, ...]
    """By space and name; those of namespaces that are no spaces among them."""
    versions: Mapping[ServiceName, tuple[SpaceName, ...]]
    """The spaces that have a version of a name; an ExternalName is none."""
    below: Mapping[SpaceName, tuple[SpaceName, ...]]
    """Every space below a space."""
    aliases: tuple[tuple[str, SpaceName, Alias], ...]
    """The addresses of removed Services that no other Service took since."""
    observed: Services
    """The Services as they were observed, from which those here were made."""

    def affected(self, space: SpaceName, name: ServiceName) -> tuple[SpaceName, ...]:
        """Give the spaces below ``space`` that do not see what ``space`` sees under a name.

        They are those that have a version and those below them. Nobody else needs to be asked, which is what
        makes a plan cost what is overridden and not Services times spaces.
        """
        having = [
            each for each in self.versions.get(name, ()) if each != space and space in self.tree.chain(each)
        ]
        return tuple(sorted({seen for each in having for seen in (each, *self.below.get(each, ()))}))

    def alias_ports(self, space: SpaceName, alias: Alias) -> tuple[Port, ...]:
        """Give the ports of a removed Service; of the versions of its name when nobody wrote them down."""
        if alias.ports:
            return alias.ports
        family = {self.tree.root(space)} | {*self.below.get(self.tree.root(space), ())}
        found: dict[int, Port] = {}
        for version in self.versions.get(alias.service, ()):
            if version in family:
                for port in self.services[version, alias.service].ports:
                    found.setdefault(port.number, port)
        return tuple(found[number] for number in sorted(found))


def observe_world(state: ClusterState, before: World | None = None) -> World:
    """Make the world of a state; what is as in the world ``before`` is the same object again."""
    tree = plan_tree(state.spaces.values())
    services = {key: _seen(state.services[key], key, before) for key in sorted(state.services)}
    versions: dict[ServiceName, tuple[SpaceName, ...]] = {}
    for (space, name), service in services.items():
        if space in tree.parents and not service.external_name:
            versions[name] = (*versions.get(name, ()), space)
    below: dict[SpaceName, list[SpaceName]] = {}
    for descendant in sorted(tree.parents):
        for ancestor in tree.chain(descendant)[1:]:
            below.setdefault(ancestor, []).append(descendant)
    return World(
        tree=tree,
        services=services,
        ordered=tuple(services.values()),
        versions=versions,
        below={name: tuple(spaces) for name, spaces in below.items()},
        aliases=_aliases(state, services),
        observed=state.services,
    )


def _seen(service: Service, key: tuple[SpaceName, ServiceName], before: World | None) -> Service:
    if before is not None and before.observed.get(key) is service:
        return before.services[key]
    made = _canonical(service)
    return before.services[key] if before is not None and before.services.get(key) == made else made


def _canonical(service: Service) -> Service:
    found: dict[str, Endpoint] = {}
    for endpoint in service.endpoints:
        address = render_address(endpoint.address)
        same = found.get(address, Endpoint(address, ready=False))
        found[address] = Endpoint(address, same.ready or endpoint.ready, same.waits or endpoint.waits)
    return replace(
        service,
        addresses=tuple(sorted(render_address(address) for address in service.addresses)),
        ports=tuple(sorted(service.ports, key=lambda port: (port.number, port.name, port.target))),
        endpoints=tuple(found[address] for address in sorted(found)),
    )


def _aliases(state: ClusterState, services: Services) -> tuple[tuple[str, SpaceName, Alias], ...]:
    taken = {address for service in services.values() for address in service.addresses}
    found: dict[str, tuple[SpaceName, Alias]] = {}
    for name in sorted(state.spaces):
        for address, alias in state.spaces[name].aliases.items():
            if render_address(address) not in taken:
                found.setdefault(render_address(address), (name, alias))
    return tuple((address, *found[address]) for address in sorted(found))
