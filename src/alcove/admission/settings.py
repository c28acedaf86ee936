"""What an installation of Alcove decides once for all the pods it injects into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Resources:
    """What a container asks for and may use, as Kubernetes quantities by resource name."""

    requests: Mapping[str, str]
    limits: Mapping[str, str]

    def render(self) -> dict[str, dict[str, str]]:
        """Give it as a container's ``resources``."""
        return {"requests": dict(self.requests), "limits": dict(self.limits)}


INIT_RESOURCES = Resources({"cpu": "10m", "memory": "16Mi"}, {"cpu": "500m", "memory": "128Mi"})
BUILD_RESOURCES = Resources({"cpu": "10m", "memory": "16Mi"}, {"cpu": "500m", "memory": "64Mi"})
PROXY_RESOURCES = Resources({"cpu": "20m", "memory": "48Mi"}, {"cpu": "500m", "memory": "256Mi"})


@dataclass(frozen=True, slots=True)
class ProxyPorts:
    """The ports of the pod that the proxy takes for itself."""

    outbound: int = 15001
    inbound: int = 15006
    probes: int = 15021
    """Where it answers the probes that a redirect would falsify; the kubelet must get there directly."""

    def taken(self) -> tuple[int, ...]:
        """Give all of them."""
        return (self.outbound, self.inbound, self.probes)


@dataclass(frozen=True, slots=True)
class ControlPorts:
    """The ports of the control plane, as pods reach it."""

    https: int = 443
    """Where it answers under ``/identity/``."""
    xds: int = 15010


@dataclass(frozen=True, slots=True)
class ClusterDns:
    """How the cluster's pods look names up, as the kubelet would set it."""

    servers: tuple[str, ...] = ()
    """The addresses of the cluster's DNS; none: unknown, and pods keep what they have."""
    domain: str = "cluster.local"
    node_searches: tuple[str, ...] = ()
    """The search list of the nodes, which the kubelet puts after the cluster's."""


@dataclass(frozen=True, slots=True)
class Images:
    """Where our containers come from."""

    init: str
    proxy: str
    pull_policy: str = "IfNotPresent"


@dataclass(frozen=True, slots=True)
class SessionParts:
    """Where the agents of a session's pods are, and listen: on the pod's loopback alone."""

    directory: str = "/.alcove"
    """The volume in which ``alcove-build`` leaves the agent and what it was told."""
    build_port: int = 15080
    """Where ``alcove-build`` awaits the image."""
    agents_port: int = 15090
    """Where the agent of the first container listens; the next one's port is one more."""


@dataclass(frozen=True, slots=True)
class InjectionSettings:
    """Everything that injected containers need to be told."""

    version: str
    """Alcove's version, by which pods with an older proxy are found."""
    images: Images
    control_plane: str
    """The address of the control plane, as pods reach it; IPv6 without brackets."""
    trust: str = ""
    """PEM of the authorities that vouch for the control plane, for pods that have fetched nothing yet."""
    control_ports: ControlPorts = field(default_factory=ControlPorts)
    dns: ClusterDns = field(default_factory=ClusterDns)
    ports: ProxyPorts = field(default_factory=ProxyPorts)
    init_resources: Resources = INIT_RESOURCES
    proxy_resources: Resources = PROXY_RESOURCES
    session: SessionParts = field(default_factory=SessionParts)
    build_resources: Resources = BUILD_RESOURCES
    concurrency: int = 1
    """The threads by which an Envoy serves."""
    uid: int = 57417
    """The proxy's user and group. Its traffic is not redirected, so no image should run as it; below 65536,
    since pods with their own user namespace have no others."""
