"""What each account of an installation may: every rule by name, no wildcard.

docs/security.md explains each rule and verb; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from alcove.admission import configuration
from alcove.app.install import kinds
from alcove.app.spaces.observing import ROLE_BINDINGS
from alcove.kube import resources
from alcove.kube.client import Object
from alcove.kube.resources import Resource

LEASE = kinds.CONTROL_PLANE
_READ = ("get", "list", "watch")
_OWN = ("get", "update", "patch")
_RBAC = "rbac.authorization.k8s.io"


def _rule(group: str, names: Sequence[str], verbs: Sequence[str], *, only: Sequence[str] = ()) -> Object:
    rule: dict[str, Any] = {"apiGroups": [group], "resources": list(names), "verbs": list(verbs)}
    return rule | ({"resourceNames": list(only)} if only else {})


CLUSTER_RULES: tuple[Object, ...] = (
    _rule("", ["namespaces", "services", "pods", "nodes", "limitranges"], _READ),
    _rule("discovery.k8s.io", ["endpointslices"], _READ),
    _rule("networking.k8s.io", ["ingresses", "servicecidrs"], _READ),
    _rule("", ["namespaces"], ["patch"]),
    _rule("networking.k8s.io", ["ingresses"], ["create", "patch", "delete"]),
    _rule("", ["events"], ["create", "patch"]),
    _rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
    _rule(
        "admissionregistration.k8s.io",
        ["mutatingwebhookconfigurations"],
        _OWN,
        only=[configuration.NAME],
    ),
)
"""What the control plane may everywhere."""

OWN_RULES: tuple[Object, ...] = (
    _rule("", ["secrets"], _OWN, only=[kinds.CERTIFICATES]),
    _rule("", ["configmaps"], _OWN, only=[kinds.INSTALLATION, kinds.GATEWAY]),
    _rule("coordination.k8s.io", ["leases"], _OWN, only=[LEASE]),
    _rule("", ["secrets", "configmaps"], ["create"]),
    _rule("coordination.k8s.io", ["leases"], ["create"]),
)
"""What the control plane may in its own namespace."""

TLS_RULES: tuple[Object, ...] = (_rule("", ["secrets"], _READ),)
"""What the control plane may in a namespace whose owner binds it: read the TLS secrets of Ingresses."""


BUILDERS_RULES: tuple[Object, ...] = (_rule("", ["pods"], ["create", "delete"]),)
"""What the control plane may where builders run: make them, and take them away."""

BUILDER_READER_RULES: tuple[Object, ...] = (_rule("", ["pods"], _READ),)
"""What hubs may there: find the builder of a node."""

READER_RULES: tuple[Object, ...] = (
    _rule("", ["configmaps"], ["get"], only=[kinds.INSTALLATION]),
    _rule("", ["services"], ["get"], only=[kinds.GATEWAY]),
    _rule("apps", ["deployments"], ["get"], only=[kinds.CONTROL_PLANE, kinds.GATEWAY]),
)
"""What everybody whom the cluster knows may: learn the host suffix, where the gateway is, and what runs."""
_EVERYBODY = "system:authenticated"
_ACCOUNTS = "system:serviceaccounts"


def render_rights(*, gateway: bool, pull_secrets: Sequence[str] = ()) -> Iterator[Object]:
    """Give accounts, roles and bindings; those of the gateway and of builders have no right at all."""
    yield from _builders(pull_secrets)
    yield _account(kinds.CONTROL_PLANE, kinds.CONTROL_PLANE_COMPONENT)
    if gateway:
        yield _account(kinds.GATEWAY, kinds.GATEWAY_COMPONENT)
    yield _role(kinds.CLUSTER_ROLES, kinds.CONTROL_PLANE, CLUSTER_RULES)
    yield _role(kinds.CLUSTER_ROLES, kinds.TLS_READER, TLS_RULES)
    yield _binding(kinds.CLUSTER_ROLE_BINDINGS, kinds.CLUSTER_ROLES)
    yield _role(kinds.ROLES, kinds.CONTROL_PLANE, OWN_RULES)
    yield _binding(ROLE_BINDINGS, kinds.ROLES)
    yield _role(kinds.ROLES, kinds.READER, READER_RULES)
    yield {**_binding(ROLE_BINDINGS, kinds.ROLES, kinds.READER), "subjects": [_group(_EVERYBODY)]}


def _builders(pull_secrets: Sequence[str]) -> Iterator[Object]:
    """Give what there is in the namespace of builders before any builder is."""
    account = _account(kinds.BUILDER, kinds.BUILDER_COMPONENT)
    secrets = {"imagePullSecrets": [{"name": name} for name in pull_secrets]} if pull_secrets else {}
    found = [
        {**account, **secrets},
        _role(kinds.ROLES, kinds.BUILDERS, BUILDERS_RULES),
        _binding(ROLE_BINDINGS, kinds.ROLES, kinds.BUILDERS),
        _role(kinds.ROLES, kinds.BUILDER_READER, BUILDER_READER_RULES),
        {**_binding(ROLE_BINDINGS, kinds.ROLES, kinds.BUILDER_READER), "subjects": [_group(_ACCOUNTS)]},
    ]
    for item in found:
        meta = kinds.metadata(
            item["metadata"]["name"], component=kinds.BUILDER_COMPONENT, namespace=kinds.BUILDS
        )
        yield {**item, "metadata": meta}


def _group(name: str) -> Object:
    return {"apiGroup": _RBAC, "kind": "Group", "name": name}


def _account(name: str, component: str) -> Object:
    return kinds.typed(
        resources.SERVICE_ACCOUNTS,
        kinds.metadata(name, component=component),
        automountServiceAccountToken=False,
    )


def _role(resource: Resource, name: str, rules: Sequence[Object]) -> Object:
    where = kinds.NAMESPACE if resource.namespaced else ""
    meta = kinds.metadata(name, component=kinds.CONTROL_PLANE_COMPONENT, namespace=where)
    return kinds.typed(resource, meta, rules=list(rules))


def _binding(resource: Resource, role: Resource, name: str = kinds.CONTROL_PLANE) -> Object:
    where = kinds.NAMESPACE if resource.namespaced else ""
    meta = kinds.metadata(name, component=kinds.CONTROL_PLANE_COMPONENT, namespace=where)
    subject = {"kind": "ServiceAccount", "name": kinds.CONTROL_PLANE, "namespace": kinds.NAMESPACE}
    reference = {"apiGroup": _RBAC, "kind": role.kind, "name": name}
    return kinds.typed(resource, meta, roleRef=reference, subjects=[subject])
