"""How an installation is: what runs, where it is reached, and which pods of spaces have their proxies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from alcove import __version__
from alcove.admission.facts import SpaceFacts, observe_spaces
from alcove.admission.markers import is_marked, mapping
from alcove.admission.settings import Images, InjectionSettings
from alcove.admission.sweep import Cause, Finding, plan_sweep
from alcove.app.install import kinds
from alcove.app.install.pods import created_at, is_connected
from alcove.app.install.rollouts import lacking
from alcove.app.install.settings import Endpoint, Record
from alcove.app.install.suffixes import Balancer, read_balancer
from alcove.kube.client import Object, object_key

_ENDED = ("Succeeded", "Failed")
NAMES = {
    kinds.CONTROL_PLANE: kinds.CONTROL_PLANE_COMPONENT,
    kinds.GATEWAY: kinds.GATEWAY_COMPONENT,
}
"""The Deployments of an installation, and the component that each one is."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What was observed of an installation."""

    recorded: Mapping[str, Any]
    deployments: Mapping[str, Object]
    """Those of ``NAMES`` that are there, by name."""
    service: Object | None
    """The Service of the control plane."""
    gateway_service: Object | None
    namespaces: Sequence[Object]
    pods: Sequence[Object] | None
    """Of all namespaces; None where they may not be listed."""
    limit_ranges: Sequence[Object] = ()
    troubles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What is wrong with the pods of a component."""

    @property
    def version(self) -> str:
        """The version that was installed."""
        return str(self.recorded.get(Record.VERSION) or "")

    @property
    def has_gateway(self) -> bool:
        """Whether there is to be one."""
        return self.recorded.get(Record.ENDPOINT) != Endpoint.NONE.value

    @property
    def balancer(self) -> Balancer:
        """Where the gateway is reached."""
        return read_balancer(self.gateway_service or {})

    @property
    def spaces(self) -> dict[str, SpaceFacts]:
        """The facts of every space."""
        return observe_spaces(self.namespaces, self.limit_ranges)


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One thing that runs."""

    name: str
    ready: int
    wanted: int
    lacking: str
    """What its rollout still lacks; empty when it is complete."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpaceStatus:
    """The proxies of one space."""

    space: str
    connected: int
    """Pods whose proxies have got their routes."""
    outdated: int
    """Pods with a proxy of another version, or of an installation that is gone."""
    missed: int
    """Pods that should have a proxy, or one in the right place, and have not."""
    starting: int
    """Pods whose proxies have not got their routes yet."""


@dataclass(frozen=True, slots=True)
class InstallationStatus:
    """All of it."""

    version: str
    endpoint: str
    host_suffix: str
    address: str
    parts: tuple[PartStatus, ...]
    spaces: tuple[SpaceStatus, ...] | None
    """None where pods may not be listed."""

    def document(self) -> dict[str, Any]:
        """Give it in the form that ``-o json`` prints."""
        return {
            "version": self.version,
            "clientVersion": __version__,
            "endpoint": self.endpoint,
            "hostSuffix": self.host_suffix or None,
            "address": self.address or None,
            "components": [
                {
                    "name": part.name,
                    "ready": part.ready,
                    "replicas": part.wanted,
                    "status": "Ready" if not part.lacking else "NotReady",
                    "problems": list(part.problems),
                }
                for part in self.parts
            ],
            "spaces": None if self.spaces is None else [asdict(row) for row in self.spaces],
        }


def sweep(seen: Installation) -> tuple[Finding, ...]:
    """Give the pods of spaces that are not as new ones would be."""
    images = Images("", "")
    settings = InjectionSettings(seen.version, images, control_plane="")
    return plan_sweep(seen.pods or (), seen.spaces, settings)


def orphans(seen: Installation) -> tuple[Object, ...]:
    """Give the pods whose proxies belong to an installation before this one: they get no routes any more.

    They know the control plane by the address of its Service, so what is older than that does not know it.
    """
    began = created_at(seen.service or {})
    spaces = seen.spaces
    return tuple(
        pod
        for pod in seen.pods or ()
        if _is_proxied(pod) and object_key(pod)[0] in spaces and "" < created_at(pod) < began
    )


def summarize(seen: Installation) -> InstallationStatus:
    """Give the status of what was observed."""
    balancer = seen.balancer
    return InstallationStatus(
        version=seen.version,
        endpoint=str(seen.recorded.get(Record.ENDPOINT) or ""),
        host_suffix=str(seen.recorded.get(Record.HOST_SUFFIX) or ""),
        address=balancer.address or balancer.host,
        parts=tuple(_part(seen, name) for name in NAMES if name != kinds.GATEWAY or seen.has_gateway),
        spaces=None if seen.pods is None else tuple(_spaces(seen)),
    )


def _part(seen: Installation, name: str) -> PartStatus:
    deployment = seen.deployments.get(name)
    problems = tuple(seen.troubles.get(NAMES[name], ()))
    if deployment is None:
        return PartStatus(name, 0, 0, "it is not there", problems)
    ready = int(mapping(deployment, "status").get("availableReplicas") or 0)
    wanted = int(mapping(deployment, "spec").get("replicas", 1))
    return PartStatus(name, ready, wanted, lacking(deployment), problems)


def _spaces(seen: Installation) -> list[SpaceStatus]:
    findings, lost = sweep(seen), {object_key(pod) for pod in orphans(seen)}
    rows = []
    for space in sorted(seen.spaces):
        mine = [one for one in findings if one.namespace == space]
        proxied = [pod for pod in seen.pods or () if object_key(pod)[0] == space and _is_proxied(pod)]
        current = [pod for pod in proxied if object_key(pod) not in lost]
        connected = sum(map(is_connected, current))
        outdated = {one.name for one in mine if one.cause is Cause.OUTDATED}
        outdated |= {name for namespace, name in lost if namespace == space}
        missed = sum(one.cause is not Cause.OUTDATED for one in mine)
        rows.append(SpaceStatus(space, connected, len(outdated), missed, len(current) - connected))
    return rows


def _is_proxied(pod: Object) -> bool:
    ended = mapping(pod, "status").get("phase") in _ENDED
    return is_marked(pod) and not ended and "deletionTimestamp" not in mapping(pod, "metadata")
