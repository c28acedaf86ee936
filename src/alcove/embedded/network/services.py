"""What a Service stands for once its EndpointSlices are known: the model that all else here shares."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from alcove.embedded import objects
from alcove.embedded.objects import GroupResource, Object, WatchEvent

SERVICES = GroupResource("services")
SLICES = GroupResource("endpointslices.discovery.k8s.io")

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_SERVICE_NAME = "kubernetes.io/service-name"


class ServiceKey(NamedTuple):
    """Which Service."""

    namespace: str
    name: str


class Endpoint(NamedTuple):
    """One address and port behind a service port."""

    address: str
    port: int
    hostname: str = ""


class PortRoute(NamedTuple):
    """One port of a Service and what is behind it, in canonical order."""

    name: str
    protocol: str
    """``tcp``, ``udp`` or ``sctp``."""
    port: int
    node_port: int
    endpoints: tuple[Endpoint, ...]


class ServiceRoute(NamedTuple):
    """A Service as the network sees it."""

    key: ServiceKey
    type: str
    addresses: tuple[str, ...]
    """Its IPv4 cluster addresses, none for a headless one, then its external ones."""
    sticky: bool
    ports: tuple[PortRoute, ...]
    alias: str = ""
    """The name that an ExternalName service stands for."""
    hosts: tuple[Endpoint, ...] = ()
    """The ready addresses by themselves, for a headless service's names; their port is 0."""

    @property
    def headless(self) -> bool:
        """Whether names stand for the endpoints themselves."""
        return not self.addresses and not self.alias


def _is_ipv4(address: object) -> bool:
    # Strict, because it becomes part of a ruleset's text.
    if not isinstance(address, str):
        return False
    try:
        socket.inet_pton(socket.AF_INET, address)
    except (OSError, ValueError):
        return False
    return True


def _is_port(value: object) -> bool:
    return isinstance(value, int) and 0 < value < 65536


def _ready(endpoints: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for endpoint in endpoints:
        if (endpoint.get("conditions") or {}).get("ready") is not False:
            yield endpoint


def _terminating(endpoints: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for endpoint in endpoints:
        conditions = endpoint.get("conditions") or {}
        if conditions.get("serving") and conditions.get("terminating"):
            yield endpoint


def _expand(endpoint: dict[str, Any], port: int) -> Iterator[Endpoint]:
    for address in endpoint.get("addresses") or ():
        if _is_ipv4(address):
            yield Endpoint(address, port, endpoint.get("hostname") or "")


def _endpoints_of(port: dict[str, Any], slices: list[Object]) -> tuple[Endpoint, ...]:
    ready: set[Endpoint] = set()
    ending: set[Endpoint] = set()
    for one in slices:
        for target in one.get("ports") or ():
            same_name = (target.get("name") or "") == (port.get("name") or "")
            same_protocol = (target.get("protocol") or "TCP") == (port.get("protocol") or "TCP")
            if not (same_name and same_protocol and _is_port(target.get("port"))):
                continue
            endpoints = one.get("endpoints") or ()
            ready.update(found for each in _ready(endpoints) for found in _expand(each, target["port"]))
            ending.update(
                found for each in _terminating(endpoints) for found in _expand(each, target["port"])
            )
    return tuple(sorted(ready or ending))


def resolve_service(service: Object, slices: Iterable[Object]) -> ServiceRoute:
    """Give the route of a Service; slices of other address families count for nothing."""
    spec = service.get("spec") or {}
    meta = objects.metadata(service)
    known = [one for one in slices if one.get("addressType", "IPv4") == "IPv4"]
    cluster = spec.get("clusterIPs") or [spec.get("clusterIP")]
    addresses = [address for address in (*cluster, *(spec.get("externalIPs") or ())) if _is_ipv4(address)]
    ports = (
        PortRoute(
            port.get("name") or "",
            (port.get("protocol") or "TCP").lower(),
            port["port"],
            port.get("nodePort") or 0,
            _endpoints_of(port, known),
        )
        for port in spec.get("ports") or ()
        if _is_port(port.get("port")) and port.get("protocol", "TCP") in _PROTOCOLS
    )
    alias = spec.get("externalName") or "" if spec.get("type") == "ExternalName" else ""
    hosts = {
        host for one in known for each in _ready(one.get("endpoints") or ()) for host in _expand(each, 0)
    }
    return ServiceRoute(
        key=ServiceKey(meta.get("namespace", ""), meta.get("name", "")),
        type=spec.get("type") or "ClusterIP",
        addresses=() if alias else tuple(dict.fromkeys(addresses)),
        sticky=spec.get("sessionAffinity") == "ClientIP",
        ports=tuple(sorted(ports, key=lambda port: (port.protocol, port.port))),
        alias=alias.rstrip("."),
        hosts=tuple(sorted(hosts)),
    )


class ServiceTable:
    """The routes of all Services, kept by watch events."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.routes: dict[ServiceKey, ServiceRoute] = {}
        self._services: dict[ServiceKey, Object] = {}
        self._slices: dict[ServiceKey, dict[str, Object]] = {}

    def observe(self, event: WatchEvent) -> ServiceKey | None:
        """Take one event; give the Service whose route is another now, if there is one."""
        meta = objects.metadata(event.object)
        namespace, name = meta.get("namespace", ""), meta.get("name", "")
        deleted = event.type == "DELETED"
        if event.resource == SERVICES:
            key = ServiceKey(namespace, name)
            if deleted:
                self._services.pop(key, None)
            else:
                self._services[key] = event.object
        elif event.resource == SLICES:
            key = ServiceKey(namespace, objects.labels_of(event.object).get(_SERVICE_NAME, ""))
            slices = self._slices.setdefault(key, {})
            if deleted:
                slices.pop(name, None)
            else:
                slices[name] = event.object
            if not slices:
                del self._slices[key]
        else:
            return None
        return key if self._resolve(key) else None

    def _resolve(self, key: ServiceKey) -> bool:
        before = self.routes.get(key)
        service = self._services.get(key)
        if service is None:
            self.routes.pop(key, None)
            return before is not None
        after = resolve_service(service, self._slices.get(key, {}).values())
        self.routes[key] = after
        return after != before
