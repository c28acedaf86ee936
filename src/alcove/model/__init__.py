"""What was observed of a cluster, as far as routing and sessions care: frozen values, no behaviour.

::

    ClusterState ── Space (a namespace and its parent) ── Alias (an address of a removed Service)
                 ├─ Service (in one space) ── Port, Endpoint
                 ├─ Entry (a host by which the outside reaches a Service)
                 ├─ TlsHost (the Secret by which such a host is served with TLS)
                 └─ Certificate (what a Secret's certificate is for, never what the Secret holds)

A ``ClusterState`` is a function of the set of objects in the cluster, never of the order they were seen in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NewType

SpaceName = NewType("SpaceName", str)
"""The name of a namespace that is a space; a DNS label."""

ServiceName = NewType("ServiceName", str)
"""The name of a Service inside one space."""

RouteKey = NewType("RouteKey", str)
"""The value that a request carries to say whose view it wants; names a space, or nothing that exists."""


SecretName = NewType("SecretName", str)
"""A Secret, as ``NAMESPACE/NAME``."""


class Protocol(Enum):
    """What a port speaks, as declared; ``AUTO`` is found out from the first bytes."""

    HTTP = "http"
    TCP = "tcp"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a Service."""

    number: int
    target: int
    """The container's port; named target ports are resolved before."""
    name: str = ""
    protocol: Protocol = Protocol.AUTO
    differs: bool = False
    """Whether instances have it under different numbers, as while a roll-out changes a named port."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One instance behind a Service."""

    address: str
    ready: bool = True
    waits: bool = False
    """Whether it is of a session and runs: its proxy lets requests wait while the application restarts."""


@dataclass(frozen=True, slots=True)
class Service:
    """One Service of one space."""

    space: SpaceName
    name: ServiceName
    addresses: tuple[str, ...] = ()
    """Its cluster addresses; empty for a headless one and for ExternalName."""
    ports: tuple[Port, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    external_name: str = ""
    """Set: a name outside of the cluster, which never overrides."""

    @property
    def headless(self) -> bool:
        """Whether callers reach its instances by their own addresses."""
        return not self.addresses and not self.external_name

    @property
    def ready(self) -> tuple[str, ...]:
        """The addresses of its ready instances; where there is none, of those at which requests wait."""
        ready = tuple(endpoint.address for endpoint in self.endpoints if endpoint.ready)
        return ready or tuple(endpoint.address for endpoint in self.endpoints if endpoint.waits)

    @property
    def in_session(self) -> bool:
        """Whether somebody works on it: it is ready and not ready from one moment to the next."""
        return any(endpoint.waits for endpoint in self.endpoints)


@dataclass(frozen=True, slots=True)
class Alias:
    """What an address stood for before its Service was removed."""

    service: ServiceName
    ports: tuple[Port, ...] = ()
    """Its ports at the end; when nobody wrote them down, the ports of the versions that answer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule by which the outside reaches a Service: a host and a path."""

    space: SpaceName
    host: str
    service: ServiceName
    port: int | str
    """The number of the Service's port, or its name."""
    path: str = "/"
    exact: bool = False
    """Whether the path must be equal; else it is a prefix that ends at a slash."""
    ingress: str = ""
    """The Ingress that says so; for people."""


@dataclass(frozen=True, slots=True)
class TlsHost:
    """A host that an Ingress wants to be served by TLS."""

    space: SpaceName
    host: str
    secret: SecretName
    """Of the same space."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is known of a Secret that is to hold a certificate and its key."""

    hosts: tuple[str, ...] = ()
    """The DNS names that the certificate is for, lower case; ``*.`` stands for one label."""
    fault: str = ""
    """Why no proxy can use it."""

    def covers(self, host: str) -> bool:
        """Tell whether clients take it for a host's."""
        return host in self.hosts or f"*.{host.partition('.')[2]}" in self.hosts


@dataclass(frozen=True, slots=True)
class Space:
    """One space."""

    name: SpaceName
    parent: SpaceName | None = None
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    """Addresses of Services that were removed from it: callers cache addresses."""


@dataclass(frozen=True, slots=True)
class ClusterState:
    """Everything that was observed, at one moment."""

    spaces: Mapping[SpaceName, Space] = field(default_factory=dict)
    services: Mapping[tuple[SpaceName, ServiceName], Service] = field(default_factory=dict)
    """Services of namespaces that are no spaces may be among them: they are never overridden, but what
    they declare about their ports counts."""
    entries: frozenset[Entry] = frozenset()
    ranges: frozenset[str] = frozenset()
    """The networks (CIDR) that the cluster gives its Services and pods."""
    tls: frozenset[TlsHost] = frozenset()
    certificates: Mapping[SecretName, Certificate] = field(default_factory=dict)
    """By Secret; one that does not exist, or may not be read, is not among them."""
