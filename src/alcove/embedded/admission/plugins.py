"""The admission plugins that Kubernetes has built in, as functions of one object and the cluster.

Each takes the new object and gives it back, or a copy with what it adds; nothing is changed in place.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from alcove.embedded import faults
from alcove.embedded.objects import GroupResource, Object, annotations_of, metadata
from alcove.embedded.ports import AdmissionRequest, ClusterReader

_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105  # a path
_TOKEN_VOLUME = "kube-api-access-"  # noqa: S105  # a volume
_TOKEN_SECONDS = 3607
"""What Kubernetes gives; its odd seven seconds tell these tokens from those people ask for."""
_NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_BUILT_IN_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_MIRROR = "kubernetes.io/config.mirror"

_Plugin = Callable[[AdmissionRequest, Object, ClusterReader], Object]


def applied(request: AdmissionRequest, reader: ClusterReader) -> AdmissionRequest:
    """Give the request with its object as the plugins for its resource leave it.

    Raises:
        ApiError: 403 when an object needs what does not exist.
    """
    if request.operation != "CREATE" or request.subresource or request.object is None:
        return request
    item = request.object
    for plugin in _PLUGINS.get(request.resource_type.resource, ()):
        item = plugin(request, item, reader)
    return request if item is request.object else dataclasses.replace(request, object=item)


def check(request: AdmissionRequest, reader: ClusterReader) -> None:
    """Refuse what webhooks may have left without what plugins demand, and tell what is not done here.

    Raises:
        ApiError: 403 for a pod without an existing service account.
    """
    resource = request.resource_type.resource
    if request.object is None or request.subresource:
        return
    if resource == "pods" and request.operation == "CREATE":
        if _MIRROR not in annotations_of(request.object):
            _account(request, request.object, reader)
    elif request.resource_type.group == "admissionregistration.k8s.io":
        request.warnings.extend(
            f'webhook "{hook.get("name")}": matchConditions are not evaluated by the embedded cluster, '
            "it is called for every request that its rules and selectors match"
            for hook in request.object.get("webhooks") or ()
            if hook.get("matchConditions")
        )


def add_service_account(request: AdmissionRequest, pod: Object, reader: ClusterReader) -> Object:
    """Give the pod its account, the account's pull secrets, and its token in every container.

    Raises:
        ApiError: 403 when the account does not exist.
    """
    if _MIRROR in annotations_of(pod):
        return pod
    spec = _spec(pod)
    account_name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    changed = spec | {"serviceAccountName": account_name, "serviceAccount": account_name}
    account = _account(request, pod | {"spec": changed}, reader)
    if not changed.get("imagePullSecrets") and account.get("imagePullSecrets"):
        changed["imagePullSecrets"] = account["imagePullSecrets"]
    wanted = spec.get("automountServiceAccountToken")
    if wanted is None:
        wanted = account.get("automountServiceAccountToken")
    if wanted is not False:
        _mount_token(changed)
    return pod if changed == spec else pod | {"spec": changed}


def add_priority(request: AdmissionRequest, pod: Object, reader: ClusterReader) -> Object:
    """Give the pod the number that its priority class stands for.

    Raises:
        ApiError: 403 when there is no such class, or the pod names another number itself.
    """
    spec = _spec(pod)
    name, value, preemption = _priority(request, spec.get("priorityClassName") or "", reader)
    given = spec.get("priority")
    if given is not None and given != value:
        why = (
            f"the integer value of priority ({given}) must not be provided in pod spec; "
            f"priority admission controller computed {value} from the given PriorityClass name"
        )
        raise faults.forbidden("pods", request.name, why)
    changed = spec | {"priority": value, "preemptionPolicy": preemption}
    if name:
        changed["priorityClassName"] = name
    return pod if changed == spec else pod | {"spec": changed}


def add_limits(request: AdmissionRequest, pod: Object, reader: ClusterReader) -> Object:
    """Give containers that say nothing the limits and requests of the namespace's LimitRanges."""
    limits: dict[str, str] = {}
    requests: dict[str, str] = {}
    for limit_range in reader.list(GroupResource("limitranges"), request.namespace):
        for entry in (limit_range.get("spec") or {}).get("limits") or ():
            if entry.get("type") == "Container":
                upper = (entry.get("max") or {}) | (entry.get("default") or {})
                limits = upper | limits
                lower = (entry.get("min") or {}) | upper | (entry.get("defaultRequest") or {})
                requests = lower | requests
    if not limits and not requests:
        return pod
    spec = _spec(pod)
    changed = spec | {
        field: [_limited(container, limits, requests) for container in spec[field]]
        for field in ("initContainers", "containers")
        if spec.get(field)
    }
    return pod if changed == spec else pod | {"spec": changed}


def add_storage_class(_request: AdmissionRequest, claim: Object, reader: ClusterReader) -> Object:
    """Give a claim that names no storage class the default one, the newest when there are several."""
    spec = _spec(claim)
    if spec.get("storageClassName") is not None:
        return claim
    defaults = [
        one
        for one in reader.list(GroupResource("storageclasses.storage.k8s.io"))
        if annotations_of(one).get(_DEFAULT_CLASS) == "true"
    ]
    if not defaults:
        return claim
    newest = max(defaults, key=lambda one: str(metadata(one).get("creationTimestamp", "")))
    return claim | {"spec": spec | {"storageClassName": metadata(newest).get("name", "")}}


def add_tolerations(_request: AdmissionRequest, pod: Object, _reader: ClusterReader) -> Object:
    """Let the pod stay five minutes on a node that has troubles, unless it says something else itself."""
    spec = _spec(pod)
    own = spec.get("tolerations") or []
    added = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        if not any(_tolerates(each, key) for each in own)
    ]
    return pod | {"spec": spec | {"tolerations": [*own, *added]}} if added else pod


def _tolerates(toleration: Object, key: str) -> bool:
    return toleration.get("key") in (key, None, "") and toleration.get("effect") in ("NoExecute", None, "")


def add_runtime_class(request: AdmissionRequest, pod: Object, reader: ClusterReader) -> Object:
    """Check the pod's runtime class.

    Raises:
        ApiError: 403 when there is none of that name.
    """
    name = _spec(pod).get("runtimeClassName")
    if name and reader.get(GroupResource("runtimeclasses.node.k8s.io"), "", name) is None:
        raise faults.forbidden("pods", request.name, f'pod rejected: RuntimeClass "{name}" not found')
    return pod


def add_requester(request: AdmissionRequest, signing_request: Object, _reader: ClusterReader) -> Object:
    """Note who asks for a certificate; what the request says itself does not count."""
    user = request.user
    spec: Object = {key: each for key, each in _spec(signing_request).items() if key not in _REQUESTER}
    told: Object = {"username": user.name, "uid": user.uid, "groups": list(user.groups)}
    told["extra"] = {key: list(values) for key, values in user.extra.items()}
    return signing_request | {"spec": spec | {key: value for key, value in told.items() if value}}


_REQUESTER = frozenset({"username", "uid", "groups", "extra"})

_PLUGINS: Mapping[str, tuple[_Plugin, ...]] = {
    "pods": (add_runtime_class, add_limits, add_service_account, add_priority, add_tolerations),
    "certificatesigningrequests.certificates.k8s.io": (add_requester,),
    "persistentvolumeclaims": (add_storage_class,),
}


def _spec(item: Object) -> Object:
    spec = item.get("spec")
    return spec if isinstance(spec, dict) else {}


def _account(request: AdmissionRequest, pod: Object, reader: ClusterReader) -> Object:
    name = _spec(pod).get("serviceAccountName") or "default"
    account = reader.get(GroupResource("serviceaccounts"), request.namespace, name)
    if account is None:
        why = (
            f'error looking up service account {request.namespace}/{name}: serviceaccount "{name}" not found'
        )
        raise faults.forbidden("pods", request.name, why)
    return account


def _mount_token(spec: Object) -> None:
    """Add the token's volume and mounts to a spec that is ours to change (its lists are not)."""
    volumes = spec.get("volumes") or []
    existing = next((one for one in volumes if str(one.get("name", "")).startswith(_TOKEN_VOLUME)), None)
    name = (
        existing["name"]
        if existing
        else _TOKEN_VOLUME + "".join(secrets.choice(_NAME_LETTERS) for _ in range(5))
    )
    mounted = False
    for field in ("initContainers", "containers"):
        if spec.get(field):
            containers = [_with_token(container, name) for container in spec[field]]
            mounted |= any(new is not old for new, old in zip(containers, spec[field], strict=True))
            spec[field] = containers
    if mounted and not existing:
        spec["volumes"] = [*volumes, _token_volume(name)]


def _with_token(container: Object, volume: str) -> Object:
    mounts = container.get("volumeMounts") or []
    if any(mount.get("mountPath") == _TOKEN_PATH for mount in mounts):
        return container
    return container | {
        "volumeMounts": [*mounts, {"name": volume, "readOnly": True, "mountPath": _TOKEN_PATH}]
    }


def _token_volume(name: str) -> Object:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    authority = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    sources: list[Object] = [
        {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
        {"configMap": authority},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 0o644}}


def _priority(request: AdmissionRequest, name: str, reader: ClusterReader) -> tuple[str, int, str]:
    if name in _BUILT_IN_PRIORITIES:
        return name, _BUILT_IN_PRIORITIES[name], "PreemptLowerPriority"
    resource = GroupResource("priorityclasses.scheduling.k8s.io")
    if name:
        found = reader.get(resource, "", name)
        if found is None:
            why = f"no PriorityClass with name {name} was found"
            raise faults.forbidden("pods", request.name, why)
    else:
        defaults: Iterable[Object] = (one for one in reader.list(resource) if one.get("globalDefault"))
        found = min(defaults, key=lambda one: one.get("value", 0), default={})
    return (
        metadata(found).get("name", ""),
        found.get("value", 0),
        found.get("preemptionPolicy") or "PreemptLowerPriority",
    )


def _limited(container: Object, limits: Mapping[str, str], requests: Mapping[str, str]) -> Object:
    resources: dict[str, Any] = container.get("resources") or {}
    own_limits, own_requests = resources.get("limits") or {}, resources.get("requests") or {}
    merged = {"limits": {**limits, **own_limits}, "requests": {**requests, **own_limits, **own_requests}}
    return container | {"resources": resources | {key: value for key, value in merged.items() if value}}
