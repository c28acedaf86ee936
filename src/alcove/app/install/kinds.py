"""The kinds of objects that an installation is made of, and the names it gives them."""

from __future__ import annotations

from alcove.app.spaces.creation import BUILDS_NAMESPACE, MADE_BY, OWN_NAMESPACE, OWN_NAMESPACES
from alcove.app.spaces.observing import ROLE_BINDINGS
from alcove.kube import resources
from alcove.kube.client import Object
from alcove.kube.resources import Resource

NAMESPACE = OWN_NAMESPACE
BUILDS = BUILDS_NAMESPACE
"""The namespace of builder pods, which may be what nothing in ``NAMESPACE`` may be: privileged."""
NAMESPACES = OWN_NAMESPACES
INSTALLATION = "alcove"
"""The ConfigMap that says how the cluster was enabled."""
SERVICE = "alcove"
CONTROL_PLANE = "alcove-controlplane"
GATEWAY = "alcove-gateway"
"""The gateway's Deployment, Service and account, and the ConfigMap that tells its pods how to begin."""
CERTIFICATES = "alcove-certificates"
TLS_READER = "alcove-tls"
READER = "alcove-reader"
BUILDER = "alcove-builder"
"""The account of builder pods."""
BUILDERS = "alcove-builders"
BUILDER_READER = "alcove-builder-reader"
CLASS_CONTROLLER = "alcove.dev/gateway"

COMPONENT = "app.kubernetes.io/component"
CONTROL_PLANE_COMPONENT = "controlplane"
GATEWAY_COMPONENT = "gateway"
BUILDER_COMPONENT = "builder"
OURS = {**MADE_BY, "app.kubernetes.io/name": "alcove"}
"""The labels of every object of an installation."""

HELM_RELEASE = "meta.helm.sh/release-name"
"""The annotation by which Helm knows what it installed."""

ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS = Resource(
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
INGRESS_CLASSES = Resource("networking.k8s.io", "v1", "ingressclasses", "IngressClass", namespaced=False)
DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")

KINDS = (
    resources.NAMESPACES,
    DEFINITIONS,
    resources.SERVICE_ACCOUNTS,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
    ROLES,
    ROLE_BINDINGS,
    resources.CONFIG_MAPS,
    resources.SERVICES,
    DISRUPTION_BUDGETS,
    INGRESS_CLASSES,
    WEBHOOKS,
    resources.DEPLOYMENTS,
)
"""In the order in which their objects are applied: what an object needs comes before it.

The webhook's configuration comes before what runs, since the control plane completes it."""


def metadata(name: str, *, component: str = "", namespace: str = NAMESPACE) -> Object:
    """Give the metadata of an object of ours."""
    labels = {**OURS, **({COMPONENT: component} if component else {})}
    return {"name": name, **({"namespace": namespace} if namespace else {}), "labels": labels}


def typed(resource: Resource, meta: Object, **content: object) -> Object:
    """Give an object of a kind."""
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, **content}


def pod_labels(component: str) -> dict[str, str]:
    """Give the labels by which the pods of a part are selected; they can never change."""
    return {"app.kubernetes.io/name": "alcove", COMPONENT: component}


def resource_of(item: Object) -> Resource:
    """Give the resource of an object of ours."""
    return next(one for one in KINDS if (one.api_version, one.kind) == (item["apiVersion"], item["kind"]))
