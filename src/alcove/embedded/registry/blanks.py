"""What an object of a built-in kind is before anybody has said anything about it.

A Go server writes some fields of every object, set or not; so nobody who creates one comes to own these
nodes themselves, only what is in them. Custom resources have no such fields.
"""

from __future__ import annotations

from alcove.embedded.objects import Object, ResourceType

_TEMPLATE: Object = {"metadata": {}, "spec": {"containers": []}}
_SPECS: dict[str, Object] = {
    "pods": {"containers": []},
    "deployments.apps": {"strategy": {}, "template": _TEMPLATE},
    "replicasets.apps": {"template": _TEMPLATE},
    "statefulsets.apps": {"serviceName": "", "template": _TEMPLATE, "updateStrategy": {}},
    "jobs.batch": {"template": _TEMPLATE},
    "persistentvolumeclaims": {"resources": {}},
    "networkpolicies.networking.k8s.io": {"podSelector": {}},
    "horizontalpodautoscalers.autoscaling": {"scaleTargetRef": {}},
    "customresourcedefinitions.apiextensions.k8s.io": {"names": {}, "versions": []},
}
_OTHERS: dict[str, Object] = {
    "podtemplates": {"template": _TEMPLATE},
    "rolebindings.rbac.authorization.k8s.io": {"roleRef": {}},
    "clusterrolebindings.rbac.authorization.k8s.io": {"roleRef": {}},
}


def blank_of(resource_type: ResourceType) -> Object | None:
    """Give the object that nobody has written yet; None for custom resources."""
    if resource_type.custom:
        return None
    return {"metadata": {}, "spec": _SPECS.get(resource_type.resource, {}), "status": {}} | _OTHERS.get(
        resource_type.resource, {}
    )
