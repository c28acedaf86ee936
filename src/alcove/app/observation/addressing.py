"""What a URL stands for: a Service by one of its names or addresses, or an entry from outside.

A name is read as the cluster's DNS reads it: ``web`` is looked up in the caller's space and, for pods of a
child space, in each of its ancestors; ``web.dev``, ``web.dev.svc`` and the full name say the space.
An address may stand for a Service, for an instance of a headless one, or for a Service that was removed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from alcove import errors
from alcove.model import Port, Service, ServiceName, SpaceName
from alcove.routing.world import World
from alcove.spaces.hosts import render_service_hosts

DOMAIN = "cluster.local"
ENCRYPTED = ("https", "wss")
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, taken apart."""

    scheme: str
    host: str
    """Lower case, without a final dot and brackets."""
    port: int
    path: str = "/"


@dataclass(frozen=True, slots=True)
class Addressed:
    """The Service and port that a request is addressed to."""

    space: SpaceName
    service: ServiceName
    port: Port
    facing: str = ""
    """The address that is dialled; of a name the first, empty when it has none."""
    removed: bool = False
    """Whether the address is all that is left of the Service."""
    dialled: bool = False
    """Whether an address was given and no name."""


def parse_target(url: str) -> Target:
    """Take a URL apart; without a scheme it is ``http``.

    Raises:
        UsageError: it is none.
    """
    hint = "write it as an application does: http://web.dev:8080/path"
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise errors.UsageError(f"{url!r} is no URL", cause=str(error), hint=hint) from error
    scheme = parts.scheme.lower()
    if not host:
        raise errors.UsageError(f"{url!r} is no URL", cause="it has no host", hint=hint)
    if not port and scheme not in _PORTS:
        raise errors.UsageError(f"{url!r} says no port", cause=f"{scheme} has no usual one", hint=hint)
    return Target(scheme, host, port or _PORTS[scheme], parts.path or "/")


def find_named(world: World, target: Target, caller: SpaceName | None) -> Addressed | None:
    """Give what a name inside the cluster stands for, None when it is no such name.

    Raises:
        ConflictError: the Service has no such port.
    """
    service = _named(world, target.host, caller)
    if service is None:
        return None
    facing = (*service.addresses, *service.ready, "")[0]
    return Addressed(service.space, service.name, _port_of(service, target.port), facing)


def find_dialled(world: World, target: Target, host_header: str) -> Addressed | None:
    """Give what an address stands for, None when it stands for nothing.

    Args:
        world: Everything.
        target: With an address as host.
        host_header: Decides between several Services, as it does for the proxies.

    Raises:
        ConflictError: nothing is behind that port, or several Services are and none is named.
    """
    address = str(ip_address(target.host))
    claims = [*_claims(world, address)]
    if not claims:
        return None
    found = {
        (each.space, each.service): each
        for each in reversed(claims)
        if _dialled_port(world, each) == target.port
    }
    if not found:
        ports = ", ".join(sorted({str(_dialled_port(world, each)) for each in claims}))
        raise errors.ConflictError(
            f"nothing is behind port {target.port} of {address}", hint=f"its ports: {ports}"
        )
    chosen = [each for each in found.values() if len(found) == 1 or _is_named(each, host_header)]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(sorted(f"{service}.{space}" for space, service in found))
    raise errors.ConflictError(
        f"several Services share {address}:{target.port}",
        cause=names,
        hint="name one of them: --header 'Host: NAME'",
    )


def is_address(host: str) -> bool:
    """Tell whether a host is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def no_such_host(world: World, target: Target, hosts: tuple[str, ...]) -> errors.ConflictError:
    """Give the error for a host that stands for nothing; ``hosts`` are those by which one enters."""
    name, _, rest = target.host.partition(".")
    versions = world.versions.get(ServiceName(name), ())
    space = SpaceName(rest.partition(".")[0])
    inherited = [each for each in world.tree.chain(space) if each in versions]
    if is_address(target.host):
        hint = "it is of no Service, no ready instance of a headless one, and of none that was removed"
    elif inherited:
        there = f"{name}.{inherited[0]}"
        hint = f"{space} has no {name} of its own, it falls back to that of {inherited[0]}: {there}"
    elif versions and not rest:
        hint = f"say whose: {name}.{versions[0]}, or who asks: --from SPACE/POD"
    else:
        known = [f"{service}.{where}" for where, service in world.services] + list(hosts)
        near = difflib.get_close_matches(target.host, known, n=1)
        hint = (
            f"did you mean {near[0]!r}?" if near else "see what there is: kubectl get services,ingresses -A"
        )
    return errors.ConflictError(f"nothing in the cluster is called {target.host!r}", hint=hint)


def _named(world: World, host: str, caller: SpaceName | None) -> Service | None:
    name, *rest = host.split(".")
    if rest[1:] not in ([], ["svc"], ["svc", *DOMAIN.split(".")]):
        return None
    if rest:
        spaces: tuple[SpaceName, ...] = (SpaceName(rest[0]),)
    else:
        spaces = world.tree.chain(caller) if caller else ()
    found = (world.services.get((space, ServiceName(name))) for space in spaces)
    return next((each for each in found if each is not None), None)


def _port_of(service: Service, number: int) -> Port:
    if service.external_name:
        return Port(number, number)
    for port in service.ports:
        # Callers of a headless Service dial its instances, so it is the instances' port that they need.
        if number == (port.target if service.headless else port.number):
            return port
    there = ", ".join(str(port.target if service.headless else port.number) for port in service.ports)
    told = "it is headless: callers dial its instances' ports" if service.headless else ""
    raise errors.ConflictError(
        f"{service.name} of {service.space} has no TCP port {number}",
        cause=told,
        hint=f"its ports: {there or 'none'}",
    )


def _claims(world: World, address: str) -> Iterator[Addressed]:
    for service in world.ordered:
        if address in service.addresses or (service.headless and address in service.ready):
            for port in service.ports:
                yield Addressed(service.space, service.name, port, address, dialled=True)
    for aliased, space, alias in world.aliases:
        if aliased == address:
            for port in world.alias_ports(space, alias):
                yield Addressed(space, alias.service, port, address, removed=True, dialled=True)


def _dialled_port(world: World, claim: Addressed) -> int:
    service = None if claim.removed else world.services[claim.space, claim.service]
    return claim.port.target if service is not None and service.headless else claim.port.number


def _is_named(claim: Addressed, host_header: str) -> bool:
    host = host_header.lower().partition(":")[0].rstrip(".")
    return host in render_service_hosts(claim.service, claim.space)[1:]
