"""What each subresource answers and understands."""

from __future__ import annotations

from typing import NamedTuple

from alcove.embedded.objects import ResourceType


class Subresource(NamedTuple):
    """One subresource of a type; an empty ``kind`` means that of the type."""

    name: str
    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]


_UPDATE = ("get", "patch", "update")
_KNOWN = {
    each.name: each
    for each in (
        Subresource("approval", "", "", "", _UPDATE),
        Subresource("binding", "", "v1", "Binding", ("create",)),
        Subresource("eviction", "policy", "v1", "Eviction", ("create",)),
        Subresource("exec", "", "v1", "PodExecOptions", ("create", "get")),
        Subresource("finalize", "", "", "", ("update",)),
        Subresource("log", "", "", "", ("get",)),
        Subresource("portforward", "", "v1", "PodPortForwardOptions", ("create", "get")),
        Subresource("scale", "autoscaling", "v1", "Scale", _UPDATE),
        Subresource("status", "", "", "", _UPDATE),
        Subresource("token", "authentication.k8s.io", "v1", "TokenRequest", ("create",)),
    )
}


def subresources_of(resource_type: ResourceType) -> list[Subresource]:
    """Give the type's subresources with group, version and kind filled in."""
    result = []
    for name in resource_type.subresources:
        known = _KNOWN.get(name) or Subresource(name, "", "", "", _UPDATE)
        if not known.kind:
            known = known._replace(
                group=resource_type.group, version=resource_type.version, kind=resource_type.kind
            )
        result.append(known)
    return result
