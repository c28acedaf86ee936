"""The roles and bindings that every cluster has from the start.

A rule is written as text, ``groups | resources | verbs``, names separated by spaces and ``core`` for the
group without a name; a rule of URLs as ``urls | verbs``.
"""

from __future__ import annotations

from alcove.embedded.identity.rbac import GROUP
from alcove.embedded.objects import Object

_API = f"{GROUP}/v1"
_READ = "get list watch"
_WRITE = "create delete deletecollection patch update"
_AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"

_VIEW = (
    f"core | bindings configmaps endpoints events limitranges namespaces namespaces/status | {_READ}",
    f"core | persistentvolumeclaims persistentvolumeclaims/status pods pods/log pods/status | {_READ}",
    f"core | replicationcontrollers replicationcontrollers/scale replicationcontrollers/status | {_READ}",
    f"core | resourcequotas resourcequotas/status serviceaccounts services services/status | {_READ}",
    f"events.k8s.io | events | {_READ}",
    f"discovery.k8s.io | endpointslices | {_READ}",
    f"apps | controllerrevisions daemonsets daemonsets/status replicasets replicasets/scale | {_READ}",
    f"apps | deployments deployments/scale deployments/status replicasets/status | {_READ}",
    f"apps | statefulsets statefulsets/scale statefulsets/status | {_READ}",
    f"autoscaling | horizontalpodautoscalers horizontalpodautoscalers/status | {_READ}",
    f"batch | cronjobs cronjobs/status jobs jobs/status | {_READ}",
    f"policy | poddisruptionbudgets poddisruptionbudgets/status | {_READ}",
    f"networking.k8s.io | ingresses ingresses/status networkpolicies | {_READ}",
    f"resource.k8s.io | resourceclaims resourceclaims/status resourceclaimtemplates | {_READ}",
)
_EDIT = (
    f"core | pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy | {_READ}",
    "core | serviceaccounts | impersonate",
    f"core | pods pods/attach pods/exec pods/portforward pods/proxy | {_WRITE}",
    "core | pods/eviction serviceaccounts/token | create",
    (
        "core | configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale"
        f" secrets serviceaccounts services services/proxy | {_WRITE}"
    ),
    f"events.k8s.io | events | {_WRITE}",
    (
        "apps | daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale"
        f" statefulsets statefulsets/scale | {_WRITE}"
    ),
    f"autoscaling | horizontalpodautoscalers | {_WRITE}",
    f"batch | cronjobs jobs | {_WRITE}",
    f"policy | poddisruptionbudgets | {_WRITE}",
    f"networking.k8s.io | ingresses networkpolicies | {_WRITE}",
    f"coordination.k8s.io | leases | {_READ} {_WRITE}",
    f"resource.k8s.io | resourceclaims resourceclaimtemplates | {_WRITE}",
)
_ADMIN = (
    "authorization.k8s.io | localsubjectaccessreviews | create",
    f"{GROUP} | roles rolebindings | {_READ} {_WRITE}",
)
_ALL = ("* | * | *", "* | *")
_HEALTH = "/healthz /livez /readyz /version /version/"

_ROLES: dict[str, tuple[str, ...]] = {
    "cluster-admin": _ALL,
    "system:aggregate-to-admin": _ADMIN,
    "system:aggregate-to-edit": _EDIT,
    "system:aggregate-to-view": _VIEW,
    "system:auth-delegator": (
        "authentication.k8s.io | tokenreviews | create",
        "authorization.k8s.io | subjectaccessreviews | create",
    ),
    "system:basic-user": (
        "authorization.k8s.io | selfsubjectaccessreviews selfsubjectrulesreviews | create",
        "authentication.k8s.io | selfsubjectreviews | create",
    ),
    "system:discovery": (f"/api /api/* /apis /apis/* /openapi /openapi/* {_HEALTH} | get",),
    "system:monitoring": (
        "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* | get",
        "core | nodes/metrics | get",
    ),
    "system:node": (),
    "system:public-info-viewer": (f"{_HEALTH} | get",),
    "system:service-account-issuer-discovery": (
        (
            "/.well-known/openid-configuration /.well-known/openid-configuration/"
            " /openid/v1/jwks /openid/v1/jwks/ | get"
        ),
    ),
}
_LABELLED = {
    "system:aggregate-to-admin": "admin",
    "system:aggregate-to-edit": "edit",
    "system:aggregate-to-view": "view",
    "edit": "admin",
    "view": "edit",
}
"""Which role each of them is gathered into."""

_GROUPS = {
    "cluster-admin": ("system:masters",),
    "system:basic-user": ("system:authenticated",),
    "system:discovery": ("system:authenticated",),
    "system:monitoring": ("system:monitoring",),
    "system:public-info-viewer": ("system:authenticated", "system:unauthenticated"),
    "system:service-account-issuer-discovery": ("system:serviceaccounts",),
}


def default_objects() -> list[Object]:
    """Give the ClusterRoles and ClusterRoleBindings to create at the first start.

    ``admin``, ``edit`` and ``view`` have no rules of their own: see ``rules.aggregated_rules``.
    """
    roles = [_cluster_role(name) | {"rules": parse_lines(lines)} for name, lines in _ROLES.items()]
    roles += [_gathering_role(name) for name in ("admin", "edit", "view")]
    return roles + [_binding(name, groups) for name, groups in _GROUPS.items()]


def parse_lines(lines: tuple[str, ...]) -> list[Object]:
    """Give the rules that ``lines`` write (see the module)."""
    return [_rule(*(part.split() for part in line.split("|"))) for line in lines]


def _rule(first: list[str], *rest: list[str]) -> Object:
    if len(rest) == 1:
        return {"nonResourceURLs": first, "verbs": rest[0]}
    resources, verbs = rest
    groups = ["" if group == "core" else group for group in first]
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}


def _cluster_role(name: str) -> Object:
    meta = _metadata(name)
    if name in _LABELLED:
        meta["labels"][_AGGREGATE + _LABELLED[name]] = "true"
    return {"apiVersion": _API, "kind": "ClusterRole", "metadata": meta}


def _gathering_role(name: str) -> Object:
    selector = {"matchLabels": {_AGGREGATE + name: "true"}}
    return _cluster_role(name) | {"aggregationRule": {"clusterRoleSelectors": [selector]}, "rules": []}


def _binding(name: str, groups: tuple[str, ...]) -> Object:
    return {
        "apiVersion": _API,
        "kind": "ClusterRoleBinding",
        "metadata": _metadata(name),
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": GROUP, "kind": "Group", "name": group} for group in groups],
    }


def _metadata(name: str) -> Object:
    return {
        "name": name,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    }
