"""What will not work in a cluster, said before anything in it is changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alcove.admission.facts import PodSecurity, observe_spaces
from alcove.admission.markers import SPACE_LABEL, labels_of, mapping
from alcove.app.install.access import Right
from alcove.kube.client import Object, object_key

OLDEST = (1, 29)
"""The first Kubernetes whose kubelets start native sidecars without being asked to."""
ARCHITECTURES = ("amd64", "arm64")
"""What our images are made for."""
_SHOWN_RIGHTS = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that will not work."""

    what: str
    cause: str = ""
    hint: str = ""
    refuses: bool = False
    """Whether there is no point in installing."""

    def __str__(self) -> str:
        cause = f": {self.cause}" if self.cause else ""
        return f"{self.what}{cause}" + (f"; {self.hint}" if self.hint else "")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was observed of a cluster before anything is installed."""

    nodes: Sequence[Object] | None = ()
    """None where they may not be listed."""
    missing_rights: Sequence[Right] = ()
    unserved: Sequence[str] = ()
    """Kinds that the cluster does not have, as ``Kind of apiVersion``."""
    cilium: Mapping[str, Any] | None = None
    """Cilium's configuration; None without Cilium, or where it may not be seen."""
    felix: Mapping[str, Any] | None = None
    """Calico's default FelixConfiguration (its ``spec``)."""
    space: Object | None = None
    """The namespace of the first space, when it is known and exists."""


def examine(seen: Surroundings) -> tuple[Finding, ...]:
    """Give all that will not work, what makes installing pointless first."""
    found = [
        *_unserved(seen.unserved),
        *_rights(seen.missing_rights),
        *_nodes(seen.nodes),
        *_socket_balancing(seen),
        *(_space(seen.space) if seen.space else ()),
    ]
    return tuple(sorted(found, key=lambda one: not one.refuses))


def _unserved(kinds: Sequence[str]) -> Iterator[Finding]:
    if kinds:
        yield Finding(
            f"the cluster does not serve {', '.join(kinds)}",
            cause="it is older than what Alcove needs, or switches it off",
            hint=f"Kubernetes {_version(OLDEST)} and newer serve all of it",
            refuses=True,
        )


def _rights(missing: Sequence[Right]) -> Iterator[Finding]:
    if not missing:
        return
    shown = ", ".join(map(str, missing[:_SHOWN_RIGHTS]))
    more = f" and {len(missing) - _SHOWN_RIGHTS} more" if len(missing) > _SHOWN_RIGHTS else ""
    yield Finding(
        "you lack rights that installing takes",
        cause=f"you may not {shown}{more}",
        hint="ask an administrator to run 'alcove enable' once (users of Alcove need no more than their "
        "namespaces), or for the right:\n  "
        "kubectl create clusterrolebinding alcove-installer --clusterrole=cluster-admin --user=YOU",
        refuses=True,
    )


def _nodes(nodes: Sequence[Object] | None) -> Iterator[Finding]:
    if nodes is None:
        yield Finding("you may not list nodes", cause="whether Alcove can run on them is not known")
        return
    linux = [node for node in nodes if _told(node, "operatingSystem", "linux") == "linux"]
    if not linux:
        yield Finding("no node runs Linux", cause="Alcove's own pods need one", refuses=True)
        return
    yield from _versions(linux)
    yield from _architectures(linux)
    if windows := _names(node for node in nodes if node not in linux):
        yield Finding(
            f"pods on Windows are reached, and do not route what they send ({windows})",
            cause="there is no redirect on Windows",
        )


def _versions(nodes: Sequence[Object]) -> Iterator[Finding]:
    old = [node for node in nodes if (found := _release(_told(node, "kubeletVersion"))) and found < OLDEST]
    if old:
        everywhere = len(old) == len(nodes)
        yield Finding(
            f"{'the nodes are' if everywhere else 'some nodes are'} older than Kubernetes {_version(OLDEST)} "
            f"({_names(old)})",
            cause="their kubelets do not know init containers that go on running, as Alcove's proxy is",
            hint="upgrade them" if everywhere else "upgrade them, or keep pods of spaces away from them",
            refuses=everywhere,
        )


def _architectures(nodes: Sequence[Object]) -> Iterator[Finding]:
    other = [node for node in nodes if _told(node, "architecture", "amd64") not in ARCHITECTURES]
    if other:
        everywhere = len(other) == len(nodes)
        found = ", ".join(sorted({_told(node, "architecture") for node in other}))
        yield Finding(
            f"there are no images of Alcove for {found} ({_names(other)})",
            cause=f"they are made for {' and '.join(ARCHITECTURES)}",
            hint="" if everywhere else "pods of spaces cannot run on these nodes: keep them away by labels",
            refuses=everywhere,
        )


def _socket_balancing(seen: Surroundings) -> Iterator[Finding]:
    what = "routing between services will not work"
    if seen.cilium is not None and _cilium_balances(seen.cilium):
        yield Finding(
            what,
            cause="Cilium replaces Service addresses by pods' when a pod connects: its proxy sees none",
            hint="set socketLB.hostNamespaceOnly=true in Cilium's chart (bpf-lb-sock-hostns-only in the "
            "ConfigMap cilium-config) and restart Cilium",
        )
    felix = seen.felix or {}
    if felix.get("bpfEnabled") is True and felix.get("bpfConnectTimeLoadBalancing") != "Disabled":
        yield Finding(
            what,
            cause="Calico's eBPF mode replaces Service addresses by pods' when a pod connects",
            hint="set bpfConnectTimeLoadBalancing: Disabled in the FelixConfiguration 'default'",
        )


def _cilium_balances(config: Mapping[str, Any]) -> bool:
    """Tell whether Cilium balances in the sockets of pods, and not of the host alone."""

    def said(key: str) -> str:
        return str(config.get(key) or "").lower()

    replaces = said("kube-proxy-replacement") in ("true", "strict")
    balances = "true" in (said("bpf-lb-sock"), said("enable-host-reachable-services"))
    return (replaces or balances) and said("bpf-lb-sock-hostns-only") != "true"


def _space(namespace: Object) -> Iterator[Finding]:
    """Look at what stands in the way in the first space."""
    name = object_key(namespace)[1]
    meta = mapping(namespace, "metadata")
    labelled = {**namespace, "metadata": {**meta, "labels": {**labels_of(namespace), SPACE_LABEL: "true"}}}
    facts = observe_spaces([labelled])[name]
    if facts.mesh:
        yield Finding(
            f"the namespace {name!r} cannot be a space",
            cause=f"{facts.mesh} injects into its pods, and two proxies cannot redirect one pod",
            hint="choose another one: --space NAME",
            refuses=True,
        )
    if facts.pod_security is not PodSecurity.PRIVILEGED:
        yield Finding(
            f"pods of {name!r} get no proxy, and do not route what they send",
            cause=f"its Pod Security level is {facts.pod_security.value}, and the redirect needs NET_ADMIN",
            hint=f"kubectl label namespace {name} pod-security.kubernetes.io/enforce=privileged --overwrite",
        )


def _told(node: Object, key: str, default: str = "") -> str:
    return str(mapping(node, "status", "nodeInfo").get(key) or default)


def _release(text: str) -> tuple[int, int] | None:
    found = re.match(r"v?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _version(release: tuple[int, int]) -> str:
    return ".".join(map(str, release))


def _names(nodes: Iterable[Object]) -> str:
    names = sorted(object_key(node)[1] for node in nodes)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
