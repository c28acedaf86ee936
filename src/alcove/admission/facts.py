"""What a namespace says about the pods in it: its space, its Pod Security level, and its service mesh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from alcove.admission import markers
from alcove.admission.bounds import UNBOUNDED, Bounds, observe_bounds
from alcove.model import Space, SpaceName
from alcove.spaces.tree import plan_tree

_ENFORCE = "pod-security.kubernetes.io/enforce"


class PodSecurity(Enum):
    """What a namespace allows its pods."""

    PRIVILEGED = "privileged"
    BASELINE = "baseline"
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True)
class SpaceFacts:
    """What injection has to know about one space."""

    name: SpaceName
    ancestors: tuple[SpaceName, ...] = ()
    """Its parent, its parent's parent, ... its root."""
    pod_security: PodSecurity = PodSecurity.PRIVILEGED
    mesh: str = ""
    """The service mesh that injects into its pods, empty for none."""
    bounds: Bounds = UNBOUNDED
    """What its LimitRanges demand of each container."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """How one service mesh is switched on and off, and what it leaves in a pod."""

    name: str
    namespace_keys: Mapping[str, tuple[str, ...]]
    """Labels or annotations of a namespace with the values that switch it on; no values: any does."""
    pod_keys: tuple[str, ...]
    """Labels or annotations of a pod, which count more than its namespace's."""
    container: str
    """The sidecar it adds."""


MESHES = (
    Mesh(
        "Istio",
        {"istio-injection": ("enabled",), "istio.io/rev": (), "istio.io/dataplane-mode": ("ambient",)},
        ("sidecar.istio.io/inject", "istio.io/dataplane-mode"),
        "istio-proxy",
    ),
    Mesh("Linkerd", {"linkerd.io/inject": ("enabled", "ingress")}, ("linkerd.io/inject",), "linkerd-proxy"),
    Mesh(
        "Kuma",
        {"kuma.io/sidecar-injection": ("enabled", "true")},
        ("kuma.io/sidecar-injection",),
        "kuma-sidecar",
    ),
    Mesh("Consul", {}, ("consul.hashicorp.com/connect-inject",), "consul-dataplane"),
)
_ON = ("true", "enabled", "ingress", "ambient")


def observe_spaces(
    namespaces: Iterable[Mapping[str, Any]], limit_ranges: Iterable[Mapping[str, Any]] = ()
) -> dict[str, SpaceFacts]:
    """Give the facts of every namespace that is a space, by its name; the order does not matter.

    ``limit_ranges`` are those of all namespaces.
    """
    ranges: dict[str, list[Mapping[str, Any]]] = {}
    for one in limit_ranges:
        ranges.setdefault(str(markers.mapping(one, "metadata").get("namespace", "")), []).append(one)
    found = {
        SpaceName(str(markers.mapping(one, "metadata").get("name", ""))): one
        for one in namespaces
        if markers.labels_of(one).get(markers.SPACE_LABEL) == "true"
    }
    tree = plan_tree(Space(name, _parent(one)) for name, one in found.items())
    return {
        name: SpaceFacts(
            name,
            tree.chain(name)[1:],
            _pod_security(one),
            _namespace_mesh(one),
            observe_bounds(ranges.get(name, ())),
        )
        for name, one in found.items()
    }


def pod_mesh(pod: Mapping[str, Any], facts: SpaceFacts) -> str:
    """Give the mesh that has injected or will inject into a pod, empty for none."""
    spec = markers.mapping(pod, "spec")
    names = {container.get("name") for container in markers.users_containers(spec)}
    said = {**markers.annotations_of(pod), **markers.labels_of(pod)}
    for mesh in MESHES:
        own = next((str(said[key]).lower() for key in mesh.pod_keys if key in said), None)
        wanted = facts.mesh == mesh.name if own is None else own in _ON
        if wanted or mesh.container in names:
            return mesh.name
    return ""


def _parent(namespace: Mapping[str, Any]) -> SpaceName | None:
    named = markers.labels_of(namespace).get(markers.PARENT_LABEL)
    return SpaceName(named) if named else None


def _pod_security(namespace: Mapping[str, Any]) -> PodSecurity:
    level = markers.labels_of(namespace).get(_ENFORCE)
    if level is None:
        return PodSecurity.PRIVILEGED
    try:
        return PodSecurity(level)
    except ValueError:  # Kubernetes takes what it cannot read for the strictest level
        return PodSecurity.RESTRICTED


def _namespace_mesh(namespace: Mapping[str, Any]) -> str:
    said = {**markers.annotations_of(namespace), **markers.labels_of(namespace)}
    return next((mesh.name for mesh in MESHES if _switched_on(mesh, said)), "")


def _switched_on(mesh: Mesh, said: Mapping[str, str]) -> bool:
    found = {key: said[key] for key in mesh.namespace_keys if key in said}
    if "disabled" in found.values():
        return False
    return any(value in (mesh.namespace_keys[key] or (value,)) for key, value in found.items())
